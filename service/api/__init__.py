"""HTTP, the first of three doors."""
