"""Finding the notes that may answer a question."""
