"""What only Elasticsearch can get wrong."""

from dataclasses import replace

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from triptych.local import Stack
from triptych.shared.errors import FingerprintMismatch
from triptych.shared.fusion.blocks import Layout
from triptych.shared.fusion.layout import layout
from triptych.shared.fusion.query import PresenceClass
from triptych.shared.index import SearchIndex
from triptych.shared.index.elastic import ElasticIndex
from triptych.shared.index.protocol import IndexQuery, Versioned


def test_other_models_are_refused(index: SearchIndex, stack: Stack):
    """A collection that other models built is not written to."""
    client = Elasticsearch(stack.index_url)
    meta = {"_meta": {"schema": 1, "fingerprint": "f" * 16}}
    client.indices.create(index="contract-old-v1-x", aliases={"contract-old": {}}, mappings=meta)
    with pytest.raises(FingerprintMismatch, match="other encoders"):
        index.ensure("old")
    client.indices.delete(index="contract-old-v1-x")
    client.close()


@pytest.mark.parametrize("change", [{"version": 99}, {"dims": 100}])
def test_vectors_of_other_models_are_never_compared(
    index: SearchIndex, collection: str, stack: Stack, change: dict[str, int]
):
    """A process with other models is refused when it searches, whatever their width."""
    vector = np.full(layout().dims, 0.1, np.float32)
    document = {"id": "a", "status": "indexed", "modalities": ["text"], "vector": vector}
    index.bulk(collection, [Versioned(document, 1)])
    index.refresh(collection)
    first, *others = layout().blocks
    other = Layout((replace(first, card=replace(first.card, **change)), *others))
    theirs = ElasticIndex(stack.index_url, layout=other, prefix="contract")
    query = np.full(other.dims, 0.1, np.float32)
    request = IndexQuery(classes=[PresenceClass(("text",), (), query)])
    with pytest.raises(FingerprintMismatch, match="semantic was minilm"):
        theirs.search(collection, request)
