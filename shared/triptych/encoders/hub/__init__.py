"""Encoders from the Hugging Face hub."""
