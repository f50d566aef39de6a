"""Keeps `ports.index`: chunks, vectors and bags, sealed or in clear, and the log that memories follow."""
