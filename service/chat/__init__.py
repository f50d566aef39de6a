"""The second journey: a question gets a cited answer, or an honest abstention."""
