"""The main calls by the client that openapi-python-client generates: calls.py URL COLLECTION."""

import io
import json
import sys
import time

from triptych_client import Client
from triptych_client.api.batches import create_batch, get_batch, list_batch_failures
from triptych_client.api.collections import create_collection, delete_collection, get_collection
from triptych_client.api.health import get_readiness
from triptych_client.api.items import create_item, delete_item, get_item
from triptych_client.api.search import list_similar_items, search, similar_items
from triptych_client.models import (
    AcceptedBatch,
    Answer,
    BatchForm,
    BatchState,
    Collection,
    FacetRequest,
    Filter,
    ItemDocument,
    ItemForm,
    ItemLine,
    ItemRequest,
    NumberComparisons,
    Problem,
    SearchForm,
    SearchRequest,
    SimilarRequest,
)
from triptych_client.types import File


def batch(client: Client, collection: str, form: BatchForm) -> BatchState:
    """Upload a batch and wait for it."""
    accepted = create_batch.sync(collection, client=client, body=form)
    assert isinstance(accepted, AcceptedBatch), accepted
    for _ in range(600):
        progress = get_batch.sync(accepted.batch, client=client)
        assert isinstance(progress, BatchState), progress
        if progress.state == "done":
            return progress
        time.sleep(0.1)
    raise AssertionError("the batch does not end")


def found(answer: object) -> list[str]:
    """The ids of the hits."""
    assert isinstance(answer, Answer), answer
    return [hit.id for hit in answer.hits]


def main(url: str, collection: str) -> None:
    """Use a gateway."""
    client = Client(base_url=url, timeout=60)
    assert get_readiness.sync(client=client).status == "ready"
    assert isinstance(create_collection.sync(collection, client=client), Collection)

    # Items, as JSON and as a form
    tiger = ItemRequest.from_dict({"id": "a/tiger", "text": "a tiger", "metadata": {"legs": 4}})
    item = create_item.sync(collection, client=client, body=tiger, wait=60)
    assert isinstance(item, ItemDocument), item
    assert (item.id, item.status) == ("a/tiger", "indexed")
    text = File(io.BytesIO(b"a lion"), file_name="lion.txt", mime_type="text/plain")
    lion = ItemForm(id="lion", text=text, metadata='{"legs": 4}')
    assert create_item.sync(collection, client=client, body=lion, wait=60).id == "lion"
    shown = get_item.sync(collection, "a/tiger", client=client)
    assert shown.metadata.to_dict() == {"legs": 4}

    # Batches, of files and of a manifest
    files = [File(io.BytesIO(b"a snake"), "snake.txt"), File(io.BytesIO(b"a tiger cub"), "cub.txt")]
    progress = batch(client, collection, BatchForm(files=files))
    assert (progress.total, progress.failed) == (2, 0)
    lines = [ItemLine(id="crow", text="a crow", tags=["bird"]), ItemLine(id="bad")]
    manifest = "\n".join(json.dumps(line.to_dict()) for line in lines).encode()
    progress = batch(client, collection, BatchForm(manifest=File(io.BytesIO(manifest), "m.jsonl")))
    assert (progress.total, progress.failed) == (2, 1)
    (failure,) = list_batch_failures.sync(progress.batch, client=client).failures
    assert failure.id == "bad"

    # Searches
    assert get_collection.sync(collection, client=client).items.total == 6
    four = Filter.from_dict({"metadata.legs": {"gte": 4}})
    assert isinstance(four["metadata.legs"], NumberComparisons)
    request = SearchRequest(text="tiger", filter_=four, facets=[FacetRequest("tags")], limit=5)
    answer = search.sync(collection, client=client, body=request)
    assert found(answer) == ["a/tiger", "lion"]
    assert answer.hits[0].why["text"].contribution > 0
    birds = search.sync(collection, client=client, body=SearchRequest(filter_=Filter(tags="bird")))
    assert found(birds) == ["crow"]
    form = SearchForm(text=["tiger"], limit="1")
    assert found(search.sync(collection, client=client, body=form)) == ["a/tiger"]
    assert len(found(search.sync(collection, client=client))) == 6
    similar = similar_items.sync(collection, "a/tiger", client=client, body=SimilarRequest(limit=1))
    assert found(similar) == ["cub"]
    assert found(list_similar_items.sync(collection, "a/tiger", client=client, limit=1)) == ["cub"]

    # What is deleted is gone
    assert delete_item.sync_detailed(collection, "a/tiger", client=client).status_code == 204
    gone = get_item.sync(collection, "a/tiger", client=client)
    assert isinstance(gone, Problem), gone
    assert (gone.type_, gone.status) == ("urn:triptych:problem:not-found", 404)
    assert delete_collection.sync_detailed(collection, client=client).status_code == 204
    print("every call did what it should")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
