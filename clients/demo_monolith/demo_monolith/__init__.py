"""A small stand-in for the PazPaz backend: the same tables, cookie, token and calls, for demos and tests."""
