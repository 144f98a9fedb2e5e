"""Pictures to vectors, and the writing in them to text."""
