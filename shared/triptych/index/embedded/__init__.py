"""The index without a server."""

from triptych.index.embedded.index import EmbeddedIndex

__all__ = ["EmbeddedIndex"]
