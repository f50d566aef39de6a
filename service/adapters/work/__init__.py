"""Keeps `ports.work`: the queue, and what runs by the clock or in the background."""
