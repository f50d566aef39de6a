"""Keeps `ports.limits`: switches, allowances, and what models cost."""
