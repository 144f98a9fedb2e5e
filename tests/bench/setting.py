"""What every benchmark works with: a stack of its own, the stamps, and clients."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch.serializer import OrjsonSerializer
from tests.bench.figures import say

from triptych.client import Client
from triptych.core.settings import Settings
from triptych.corpora import tuxpaint
from triptych.gateway.services import Services, make_services
from triptych.index.elastic.queries import alias_name
from triptych.local import Stack, StackOptions, running_stack

Line = dict[str, Any]

_POLL_SECONDS = 0.25
_STAMPS = "stamps"


@dataclass
class Setting:
    """A running stack and the corpus; ``services`` are the gateway's own, in this process."""

    stack: Stack
    client: Client
    root: Path
    import_root: Path
    """A folder that manifests may name files of, beside the corpus."""
    lines: Sequence[Line]

    @cached_property
    def settings(self) -> Settings:
        """The settings that the stack's own processes have, as far as they matter here."""
        return Settings(
            redis_url=self.stack.redis_url,
            index_url=self.stack.index_url,
            media_url=self.stack.media_url,
            import_roots=(self.root, self.import_root),
        )

    @cached_property
    def services(self) -> Services:
        """Models and connections, the same as a gateway's."""
        say("loading the models")
        return make_services(self.settings)

    @cached_property
    def elastic(self) -> Elasticsearch:
        """A client without anything of ours around it."""
        return connect(self.stack.index_url)

    @cached_property
    def stamps(self) -> str:
        """A collection that holds the whole corpus, made on first use."""
        self.ingest(_STAMPS, self.lines)
        self.elastic.indices.refresh(index=self.alias(_STAMPS))
        return _STAMPS

    def ingest(self, collection: str, lines: Sequence[Line]) -> float:
        """Submit a manifest; the seconds until every item is indexed."""
        self.client.create_collection(collection)
        manifest = "\n".join(json.dumps(line) for line in lines).encode()
        started = time.perf_counter()
        batch = self.client.submit_manifest(collection, manifest)["batch"]
        while (status := self.client.batch(batch)).state != "done":
            time.sleep(_POLL_SECONDS)
        seconds = time.perf_counter() - started
        if status.failed:
            say(f"{status.failed} items failed: {self.client.failures(batch)[:3]}")
        return seconds

    def drop(self, collection: str) -> None:
        """Delete a collection."""
        alias = self.alias(collection)
        self.elastic.indices.delete(index=list(self.elastic.indices.get_alias(name=alias)))

    def forget_media(self) -> None:
        """Empty the media store: a file that it has already would cost the pipeline nothing."""
        for folder in ("media", "derived"):
            shutil.rmtree(self.stack.home / "media" / folder, ignore_errors=True)

    def alias(self, collection: str) -> str:
        """The collection's name in Elasticsearch."""
        return alias_name(self.settings.index_prefix, collection)


class _Serializer(OrjsonSerializer):
    """orjson with numpy arrays, as the product uses it."""

    mimetype = "application/vnd.elasticsearch+json"


def connect(url: str) -> Elasticsearch:
    """The official client, set up as the product sets it up."""
    serializers = {kind: _Serializer() for kind in (_Serializer.mimetype, "application/json")}
    return Elasticsearch(
        url, serializers=serializers, request_timeout=60, max_retries=0, http_compress=False
    )


@contextmanager
def opened(items: int | None) -> Iterator[Setting]:
    """A fresh stack and at most so many stamps, evenly picked; all of it goes at the end."""
    root = tuxpaint.fetch()
    lines = list(tuxpaint.lines(root))
    if items is not None and items < len(lines):
        lines = [lines[i * len(lines) // items] for i in range(items)]
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(_options(root, Path(folder)), say=say) as stack,
        Client(stack.gateway_url) as client,
    ):
        yield Setting(stack, client, root, Path(folder), lines)


def _options(*import_roots: Path) -> StackOptions:
    return StackOptions(name="bench", port=0, keep=False, fresh=True, import_roots=import_roots)
