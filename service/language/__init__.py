"""Hebrew and English text into words, n-grams and sentences; pure."""
