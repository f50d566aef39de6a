"""The first journey: a note becomes searchable, or is forgotten."""
