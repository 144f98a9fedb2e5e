"""Fusion: many vectors to one, and many scores to one. Pure functions."""
