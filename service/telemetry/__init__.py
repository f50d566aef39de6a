"""Logs without note text, metrics with closed label sets."""
