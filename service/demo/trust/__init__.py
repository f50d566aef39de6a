"""`eval trust`: whether the gate before the therapist lets true sentences through, and false ones not."""
