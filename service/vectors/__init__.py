"""Vectors as memory holds them: a workspace's chunks as columns, codes of a byte and of a bit, and search in both."""

DIMENSION = 1024
"""The column is halfvec(1024); every embedder is asked for this many numbers."""
