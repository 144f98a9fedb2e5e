"""The search index: one protocol, and the implementation that a URL asks for."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from triptych.core.settings import Settings, data_home, index_folder
from triptych.fusion.blocks import Layout
from triptych.index.model import SearchIndex

__all__ = ["SearchIndex", "open_index"]


def open_index(settings: Settings, layout: Layout) -> SearchIndex:
    """Open the index of ``settings.index_url``. Raises ValueError for a scheme it lacks."""
    url = settings.index_url
    parts = urlsplit(url or index_folder(data_home()).absolute().as_uri())
    if parts.scheme in {"http", "https"}:
        from triptych.index.elastic.index import ElasticIndex

        return ElasticIndex(
            parts.geturl(),
            layout=layout,
            prefix=settings.index_prefix,
            threads=settings.gateway_threads,
        )
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        from triptych.index.embedded import EmbeddedIndex

        root = Path(unquote(parts.path)) / settings.index_prefix
        return EmbeddedIndex(root, layout=layout)
    raise ValueError(f"index_url {url!r}: only file:///folder, http:// and https:// are supported")
