"""Sounds to vectors, and the speech in them to text."""
