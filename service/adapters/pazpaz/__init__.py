"""Keeps `ports.monolith`: PazPaz's signed internal API, and its token keys."""
