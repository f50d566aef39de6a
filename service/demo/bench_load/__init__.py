"""Many ask while notes change, for minutes: what it takes, whether memory grows, and that nothing is lost."""
