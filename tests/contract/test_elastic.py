"""What only Elasticsearch can get wrong."""

import pytest
from elasticsearch import Elasticsearch

from triptych.local import Stack
from triptych.shared.errors import FingerprintMismatch
from triptych.shared.index import SearchIndex


def test_other_models_are_refused(index: SearchIndex, stack: Stack):
    """A collection that other models built is not written to."""
    client = Elasticsearch(stack.index_url)
    meta = {"_meta": {"schema": 1, "fingerprint": "f" * 16}}
    client.indices.create(index="contract-old-v1-x", aliases={"contract-old": {}}, mappings=meta)
    with pytest.raises(FingerprintMismatch, match="ffff"):
        index.ensure("old")
    client.indices.delete(index="contract-old-v1-x")
    client.close()
