"""The AI service beside PazPaz: notes become searchable, questions get cited answers."""
