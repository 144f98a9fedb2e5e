"""The gateway over what a user would write: one hybrid request, encoding in the client.

The user's index has the same documents on the same node: a text field and one vector field of the
text block, both with the server's defaults. The request asks for ten documents, by ``match`` and
one ``knn``. Both sides encode every text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import orjson
from elasticsearch import Elasticsearch
from tests.bench import documents
from tests.bench.documents import Documents
from tests.bench.doors import Doors, Request
from tests.bench.figures import Floats, emit, extremes, resampled, say
from tests.bench.load import together
from tests.bench.queries import MIXES, Query, make_queries
from tests.bench.setting import Setting, connect
from tests.support import layout

from triptych.core.item import Item
from triptych.encoders.cards import Vectors
from triptych.index.documents import public
from triptych.index.model import Versioned
from triptych.ingest.chunk import Chunk
from triptych.ingest.documents import document
from triptych.text.analysis import plain_words, terms

_SIZE = 20_000
_TOGETHER = 250
_COLLECTION = "direct"
_OWN = "own"
_QUERIES = 120
_WARM = 60
_ROUNDS = 4
_CLIENTS = 8
_HITS = 10


@dataclass(frozen=True)
class _Client:
    """One of the user's clients, and one of the gateway's."""

    doors: Doors
    elastic: Elasticsearch
    encode: Callable[[str], Vectors]

    def gateway(self, query: tuple[Request, str]) -> float:
        """Seconds of a search through the gateway."""
        return self.doors.gateway(query[0])[0]

    def own(self, query: tuple[Request, str]) -> float:
        """Seconds of the user's search; the vector goes as the client writes numbers."""
        text = query[1]
        started = perf_counter()
        near = {"field": "vector", "query_vector": self.encode(text), "k": _HITS}
        body = {"query": {"match": {"text": text}}, "knn": {**near, "num_candidates": 100}}
        self.elastic.search(index=_OWN, body={**body, "size": _HITS})
        return perf_counter() - started


def run(setting: Setting) -> None:
    """One client in turns, then eight at once, round by round."""
    _fill(setting)
    encode = partial(_encode, setting)
    url = setting.stack.index_url
    clients = [_Client(Doors(setting, _COLLECTION), connect(url), encode) for _ in range(_CLIENTS)]
    queries = [
        [(clients[0].doors.prepare(query), str(query.fields["text"])) for query in some]
        for some in _different(setting, _ROUNDS * 2 + 2)
    ]
    for query in queries.pop()[:_WARM]:
        clients[0].gateway(query), clients[0].own(query)
    say("one client")
    rows = [(clients[0].gateway(query), clients[0].own(query)) for query in queries.pop()]
    gateway, own = 1000 * np.array(rows).T
    emit(resampled("direct.ratio", _medians, (gateway, own), "×", "≤ 1.25"))
    for name, values in {"gateway_p50": gateway, "own_p50": own}.items():
        emit(resampled(f"direct.{name}", np.median, (values,), "ms"))
    say(f"{_CLIENTS} clients")
    rates = [
        (
            together(clients, queries.pop(), _Client.gateway),
            together(clients, queries.pop(), _Client.own),
        )
        for _ in range(_ROUNDS)
    ]
    both = [(gateway[0], own[0]) for gateway, own in rates]
    emit(extremes("direct.rate", [gateway / own for gateway, own in both], "×", "≥ 0.85"))
    emit(extremes("direct.gateway_rate", [gateway for gateway, _ in both], "searches/s"))
    emit(extremes("direct.own_rate", [own for _, own in both], "searches/s"))
    setting.drop(_COLLECTION)
    setting.elastic.indices.delete(index=_OWN)


def _medians(one: Floats, other: Floats) -> float:
    return float(np.median(one) / np.median(other))


def _different(setting: Setting, groups: int) -> list[list[Query]]:
    """Groups of captions of which no two are the same, so that no memory has one."""
    queries = make_queries(setting, MIXES["text"], _QUERIES)
    return [
        [
            replace(query, fields={**query.fields, "text": f"{query.fields['text']} {group} {row}"})
            for row, query in enumerate(queries)
        ]
        for group in range(groups)
    ]


def _encode(setting: Setting, text: str) -> Vectors:
    vectors: Vectors = setting.services.engine.searcher.extractors["text"]([text]).blocks[
        "semantic"
    ]
    return vectors[0]


def _fill(setting: Setting) -> None:
    """Write the documents: through the index of the product, and as the user would."""
    many = documents.synthetic(documents.read(setting, setting.stamps), _SIZE)
    texts = [line["text"] for line in setting.lines if "text" in line]
    say(f"writing {_SIZE} documents twice")
    index = setting.services.engine.index
    index.ensure(_COLLECTION)
    block = {"type": "dense_vector", "dims": layout().blocks[0].dims}
    setting.elastic.indices.create(
        index=_OWN,
        mappings={"dynamic": False, "properties": {"text": {"type": "text"}, "vector": block}},
        settings={"number_of_replicas": 0},
    )
    chunk = Chunk(_COLLECTION, 1, layout().fingerprint, (), (), batch="synthetic")
    for start in range(0, _SIZE, _TOGETHER):
        rows = range(start, min(start + _TOGETHER, _SIZE))
        made = [document(chunk, _item(many, row, texts), many.features[row]) for row in rows]
        outcomes = index.bulk(_COLLECTION, [Versioned(one, 1) for one in made])
        if refused := [one for one in outcomes if one.result != "written"]:
            raise RuntimeError(f"not written: {refused[0]}")
        setting.elastic.bulk(index=_OWN, operations=list(_lines(made)))
    index.refresh(_COLLECTION)
    setting.elastic.indices.refresh(index=_OWN)


def _lines(made: Sequence[dict[str, Any]]) -> list[bytes]:
    where = layout().slices["semantic"]
    lines = []
    for one in made:
        vector = one["vector"][where]
        body = {**public(one), **({"vector": vector} if vector.any() else {})}
        lines.append(orjson.dumps({"index": {"_id": one["id"]}}))
        lines.append(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY))
    return lines


def _item(many: Documents, row: int, texts: Sequence[str]) -> Item:
    text = texts[row % len(texts)] if many.has["text"][row] else None
    image, audio = ("0" * 64 if many.has[part][row] else None for part in ("image", "audio"))
    words = {} if text is None else {"text": " ".join(terms(text, "en"))}
    plain = {} if text is None else {"text": " ".join(plain_words(text))}
    return Item(
        id=many.ids[row],
        ordinal=row,
        text=text,
        image=image,
        audio=audio,
        fields={"tags": ["a", "b"], "source": "stamps"},
        words=words,
        plain=plain,
    )
