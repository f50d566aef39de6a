"""One file per outside party."""
