"""Postgres: its tables and schema, the two ways to a connection, and how rows travel."""
