"""Keeps `ports.models`: this process's own models, and providers' behind guard and veil."""
