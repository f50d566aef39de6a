"""A small stand-in for the PazPaz backend, for demos and tests. Not for patients."""
