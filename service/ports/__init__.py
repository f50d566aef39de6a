"""What the journeys need from outside, as Protocols; adapters keep them, `container` chooses.

No method promises to be fast or to succeed: each may raise `Unavailable` or a subclass. The workspace
travels as a required keyword and comes only from something verified.
"""
