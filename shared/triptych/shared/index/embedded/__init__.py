"""The index without a server."""

from triptych.shared.index.embedded.index import EmbeddedIndex

__all__ = ["EmbeddedIndex"]
