"""Encoders: media in, float32 vectors out; each with a frozen card that says exactly which."""
