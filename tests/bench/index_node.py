"""One Elasticsearch node that index designs are built, asked and weighed on."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pybase64
from elasticsearch import Elasticsearch
from tests.bench.documents import Documents
from tests.bench.figures import say
from tests.bench.index_corpus import TIE, TOP, Query, as_documents, groups
from tests.bench.index_designs import Design
from tests.bench.processes import cpu_seconds
from tests.bench.setting import connect

from triptych.local import Stack, StackOptions, running_stack
from triptych.local.process import members

_TOGETHER = 250
_POLL_SECONDS = 0.5
_QUIET_POLLS = 3
_PATIENCE = 3 * 3600
_PART = "elasticsearch"


@dataclass(frozen=True)
class Cost:
    """What a step took: by the wall while requests ran, and the node's processor time."""

    wall: float
    cpu: float


class Node:
    """A running node; each index is named by its caller."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._elastic = connect(stack.index_url).options(request_timeout=_PATIENCE)

    @property
    def elastic(self) -> Elasticsearch:
        """The plain client."""
        return self._elastic

    def create(self, index: str, design: Design, settings: Mapping[str, Any]) -> None:
        """Make an index of a design, without replicas."""
        defaults = {"number_of_shards": 1, "number_of_replicas": 0}
        self._elastic.indices.create(
            index=index, mappings=design.mapping(), settings={**defaults, **settings}
        )

    def write(self, index: str, design: Design, real: Documents, count: int) -> Cost:
        """Fill an index, and wait until its merges are done; the wall is that of the requests."""
        cpu, wall = cpu_seconds(self._stack, _PART), 0.0
        for group in groups(real, count):
            for lines in _bodies(design, group):
                started = time.perf_counter()
                answer = self._elastic.bulk(index=index, operations=lines)
                wall += time.perf_counter() - started
                if answer["errors"]:
                    raise RuntimeError(f"not written: {answer['items'][0]}")
        self.settle(index)
        return Cost(wall, cpu_seconds(self._stack, _PART) - cpu)

    def settle(self, index: str) -> None:
        """Flush, and return once no merge has run for a while."""
        self._elastic.indices.flush(index=index)
        self._elastic.indices.refresh(index=index)
        quiet = 0
        while quiet < _QUIET_POLLS:
            time.sleep(_POLL_SECONDS)
            merges = self._stats(index, "merge")["merges"]
            quiet = 0 if merges["current"] else quiet + 1
        self._elastic.indices.flush(index=index)
        self._elastic.indices.refresh(index=index)

    def merge(self, index: str) -> Cost:
        """Make one segment of all."""
        cpu, started = cpu_seconds(self._stack, _PART), time.perf_counter()
        self._elastic.indices.forcemerge(index=index, max_num_segments=1)
        wall = time.perf_counter() - started
        self.settle(index)
        return Cost(wall, cpu_seconds(self._stack, _PART) - cpu)

    def drop(self, index: str) -> None:
        """Delete an index."""
        self._elastic.indices.delete(index=index)

    def size(self, index: str) -> dict[str, float]:
        """Segments, bytes on disk, and bytes that search wants in the page cache, a document.

        The server does not tell the last two of ``bbq_disk``.
        """
        found = self._stats(index, "docs,store,segments,dense_vector")
        count = found["docs"]["count"]
        sizes = {
            "segments": found["segments"]["count"],
            "disk": found["store"]["size_in_bytes"] / count,
        }
        off_heap = found["dense_vector"]["off_heap"]
        if not off_heap["total_size_bytes"]:
            return sizes
        parts = ("total_vex_size_bytes", "total_veq_size_bytes", "total_veb_size_bytes")
        return {
            **sizes,
            "vectors_on_disk": off_heap["total_size_bytes"] / count,
            "searched": sum(off_heap[part] for part in parts) / count,
        }

    def _stats(self, index: str, metric: str) -> dict[str, Any]:
        answer = self._elastic.indices.stats(index=index, metric=metric)
        found: dict[str, Any] = answer["_all"]["primaries"]
        return found

    def memory(self) -> dict[str, float]:
        """Of the whole node, in MiB: heap in use, and what its process holds in memory."""
        nodes = self._elastic.nodes.stats(metric="jvm")["nodes"]
        heap = next(iter(nodes.values()))["jvm"]["mem"]["heap_used_in_bytes"]
        sizes = {"heap": heap, **_resident(members(self._stack.running[_PART].process.pid))}
        return {name: size / 2**20 for name, size in sizes.items()}

    def recall(self, index: str, query: Query, tenth: float, body: dict[str, Any]) -> float:
        """The share of the ten best that a request finds.

        The page is scored exactly, as the product does; equal scores are equally right.
        """
        answer = self._elastic.search(index=index, body=body)
        best = np.sort(query.scores(_returned(answer["hits"]["hits"])))[-TOP:]
        return float(np.sum(best >= tenth - TIE) / TOP)

    def looked_at(self, index: str, body: dict[str, Any]) -> int:
        """How many vectors a profiled kNN search compared, quantised or not."""
        answer = self._elastic.search(index=index, body=body)
        (shard,) = answer["profile"]["shards"]
        return sum(found["vector_operations_count"] for found in shard["dfs"]["knn"])

    def search_cpu(self, index: str, bodies: Sequence[dict[str, Any]]) -> float:
        """The node's processor time, seconds for one of these requests, one after the other."""
        before = cpu_seconds(self._stack, _PART)
        for body in bodies:
            self._elastic.search(index=index, body=body)
        return (cpu_seconds(self._stack, _PART) - before) / len(bodies)

    def seconds(self, index: str, body: dict[str, Any]) -> float:
        """The wall time of one request, until its answer is read."""
        started = time.perf_counter()
        self._elastic.search(index=index, body=body)
        return time.perf_counter() - started


@contextmanager
def opened_node() -> Iterator[Node]:
    """A fresh node that goes, with its data, at the end."""
    options = StackOptions(name="index-design", port=0, parts=(_PART,), keep=False, fresh=True)
    with running_stack(options, say=say) as stack:
        yield Node(stack)


def _bodies(design: Design, group: Documents) -> Iterator[list[Any]]:
    """Lines of JSON, written beforehand: the client's own time is not that of an index."""
    for start in range(0, len(group.ids), _TOGETHER):
        lines: list[Any] = []
        for row in range(start, min(start + _TOGETHER, len(group.ids))):
            lines.append(orjson.dumps({"index": {"_id": group.ids[row]}}))
            body = design.document(group, row)
            lines.append(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY))
        yield lines


def _returned(hits: Sequence[Mapping[str, Any]]) -> Documents:
    return as_documents(
        [hit["_id"] for hit in hits],
        np.stack([_features(hit) for hit in hits]),
        [hit["_source"]["modalities"] for hit in hits],
    )


def _features(hit: Mapping[str, Any]) -> np.ndarray:
    """Of one hit, from wherever the design keeps them."""
    fields = hit.get("fields", {})
    if "vector" in fields:
        return np.array(fields["vector"], np.float16)
    packed = fields["features"][0] if "features" in fields else hit["_source"]["features"]
    return np.frombuffer(pybase64.b64decode(packed), "<f2")


def _resident(pids: Sequence[int]) -> dict[str, int]:
    """Bytes of private memory, and of mapped files: the page cache that the node uses."""
    labels = {"RssAnon": "anonymous", "RssFile": "files"}
    sizes = dict.fromkeys(labels.values(), 0)
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            label, _, rest = line.partition(":")
            if label in labels:
                sizes[labels[label]] += int(rest.split()[0]) * 1024
    return sizes
