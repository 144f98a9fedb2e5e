"""The search index: one protocol, and the implementation that a URL asks for."""

from triptych.shared.fusion.layout import layout
from triptych.shared.index.protocol import SearchIndex
from triptych.shared.settings import Settings

__all__ = ["SearchIndex", "open_index"]


def open_index(settings: Settings) -> SearchIndex:
    """Open the index of ``settings.index_url``. Raises ValueError for a scheme it lacks."""
    scheme = settings.index_url.partition("://")[0]
    if scheme in {"http", "https"}:
        from triptych.shared.index.elastic import ElasticIndex

        return ElasticIndex(settings.index_url, layout=layout(), prefix=settings.index_prefix)
    raise ValueError(f"index_url {settings.index_url!r}: only http:// and https:// are supported")
