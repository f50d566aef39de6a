"""Tokens, sealing and keys; pure, no framework."""
