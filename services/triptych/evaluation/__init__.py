"""How well search finds what it should, on real corpora, with intervals."""
