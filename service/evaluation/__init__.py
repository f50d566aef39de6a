"""How well search finds: questions that somebody judged, asked of it, and what came of that in figures."""
