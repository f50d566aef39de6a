"""What `pazpaz-agent` does for operators, one file a subject."""
