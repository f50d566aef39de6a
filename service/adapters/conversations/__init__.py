"""Keeps `ports.conversations`: sealed turns, and what therapists thought of them."""
