"""Other forms than an answer: a client's course, what the next appointment needs, what stands in a session."""
