"""Answers to searches and listings, of an engine over a real index."""

import cv2
import numpy as np
import pytest

from triptych.core.errors import InvalidInput, NotFound
from triptych.search.request import SearchRequest, SimilarRequest
from unit.seeded import cats_and_others, document, vector


@pytest.fixture(autouse=True)
def cats(index):
    """Thirty texts, and items with other parts."""
    index.add(*cats_and_others())


def png(value: int) -> bytes:
    """A picture."""
    return cv2.imencode(".png", np.full((8, 8, 3), value, np.uint8))[1].tobytes()


def ids(answer) -> list[str]:
    """Best first."""
    return [hit.id for hit in answer.hits]


def test_a_hit_has_what_was_requested(search):
    """Its score, its item and why; nothing else."""
    answer = search(text="cat number3", limit=2)
    assert ids(answer)[0] == "i003"
    assert (answer.facets, answer.cursor) == (None, None)
    assert list(answer.took_ms) == ["encode", "search", "fuse", "documents", "total"]
    (hit, _) = answer.hits
    assert (hit.highlights, hit.inliers) == (None, None)
    assert "features" not in hit.item
    assert hit.score == pytest.approx(sum(reason.contribution for reason in hit.why.values()))
    assert hit.why["keyword"].blocks == {}
    bare = search(text="cat number3", limit=2, explain=False)
    assert [hit.why for hit in bare.hits] == [None, None]
    assert [hit.score for hit in bare.hits] == [hit.score for hit in answer.hits]


def test_fields_are_chosen(search, index):
    """Of candidates nothing is read, of hits what is asked for; none is none."""
    fields = ["text", "metadata.year", "metadata.nothing", "writing"]
    answer = search(text="cat whole", limit=1, fields=fields)
    assert answer.hits[0].item == {"text": "cat whole", "metadata": {"year": 1999}}
    assert index.queries[-1].fields == ()
    assert search(text="cat", fields=[]).hits[0].item == {}
    whole = search(text="cat whole", limit=1, fields=["metadata", "metadata.year"])
    assert whole.hits[0].item["metadata"] == {"year": 1999, "place": "Brno"}


def test_words_are_highlighted(search):
    """Also where the field itself was not requested."""
    (hit,) = search(text="number7", limit=1, highlight=True, fields=["tags"]).hits
    (snippet,) = hit.highlights["text"]
    assert (snippet.text, snippet.spans) == ("cat number7", [(4, 11)])
    assert hit.item == {"tags": ["all"]}


def test_facets_are_answered_as_requested(search, index):
    """Dates of ranges as the request had them, whatever the index counts in."""
    facets = ["tags", {"field": "added", "ranges": [{"gte": "2026-01-31"}, {"lt": "2026-01-31"}]}]
    for body in ({"text": "cat"}, {}, {"text": "cat", "cursor": "*"}):
        counts = search(**body, facets=facets).facets
        assert [(one.value, one.count) for one in counts["tags"]] == [("all", 30)]
        late, early = counts["added"]
        assert (late.gte, late.lt, late.count) == ("2026-01-31", None, 0)
        assert (early.lt, early.value) == ("2026-01-31", None)
        assert early.count >= 31
    assert index.queries[0].facets[1].ranges[0].gte == 1_769_817_600_000_000


def test_a_listing_has_neither_scores_nor_reasons(search, index):
    """Everything, failures too, by the filter."""
    answer = search(limit=100)
    assert len(answer.hits) == answer.total.value == 33
    assert list(answer.took_ms) == ["search", "total"]
    assert "none" in ids(answer)
    assert {(hit.score, hit.why, hit.highlights) for hit in answer.hits} == {(None, None, None)}
    some = search(filter={"tags": "all", "id": ["i001", "i002", "all"]})
    assert ids(some) == ["i001", "i002"]
    assert index.queries == []


def test_a_search_is_sorted_by_fields(search, index):
    """The best thousand of each list, what lacks the field last."""
    for number, item in enumerate((4, 9, 2)):
        text = f"cat number{item}"
        index.add(document(f"i{item:03}", text=text, metadata={"year": 1990 + number}))
    answer = search(text="cat", sort=[{"field": "metadata.year", "order": "desc"}])
    assert ids(answer)[:4] == ["all", "i002", "i009", "i004"]
    assert ids(answer)[4:] == sorted(ids(answer)[4:])
    assert index.queries[-1].candidates == 1000
    by_score = search(text="cat number3", sort=[{"field": "score", "order": "desc"}])
    assert ids(by_score) == ids(search(text="cat number3"))
    assert index.queries[-1].candidates == 20


def test_hits_have_the_least_score(search, index):
    """In any order, and on every page; a listing has no scores."""
    every = search(text="cat number3", limit=100)
    scores = [hit.score for hit in every.hits]
    least = scores[4]
    kept = [hit.id for hit in every.hits if hit.score >= least]
    assert 5 <= len(kept) < len(scores)
    some = search(text="cat number3", limit=100, min_score=least)
    assert (ids(some), some.total) == (kept, every.total)
    assert ids(search(text="cat number3", limit=2, min_score=least)) == kept[:2]
    by_id = search(text="cat number3", sort=["id"], limit=100, min_score=least)
    assert ids(by_id) == sorted(kept)
    first = search(text="cat number3", limit=3, min_score=least, cursor="*")
    second = search(text="cat number3", limit=100, min_score=least, cursor=first.cursor)
    assert ids(first) + ids(second) == kept
    assert second.cursor is None
    with pytest.raises(InvalidInput, match="another query"):
        search(text="cat number3", limit=3, min_score=0, cursor=first.cursor)
    assert search(text="cat", min_score=2).hits == []
    for method in ("linear", "product", "rrf", "dbsf"):
        found = search(text="cat number3", fusion=method, min_score=0.5).hits
        assert all(hit.score >= 0.5 for hit in found)
    with pytest.raises(InvalidInput, match="no score") as refused:
        search(min_score=0.5)
    assert refused.value.field == "min_score"


def test_the_total_does_not_depend_on_the_limit(search, index):
    """Nor on pages and orders."""
    totals = {
        search(text="cat", limit=limit, exact_total=True, **more).total
        for limit in (1, 10, 100)
        for more in ({}, {"cursor": "*"}, {"sort": ["id"]}, {"explain": False})
    }
    assert len(totals) == 1


def test_an_item_is_a_query(search, seeded):
    """By the parts that are named; nothing is decoded or encoded."""
    answer = search(image="item:seen")
    assert ids(answer)[0] == "seen"
    assert answer.hits[0].why["image"].raw == pytest.approx(1, abs=1e-3)
    assert set(answer.hits[0].why) == {"image"}
    words = search(text="item:i005")
    assert ids(words)[0] == "i005"
    assert set(words.hits[0].why["keyword"].words) == {"cat", "number5"}
    assert all(encoder.seen == [] for encoder in seeded.values())


def test_a_quoted_reference_is_words(search, seeded):
    """What looks like one can be looked up."""
    assert search(text='"item:i005"', limit=1).hits
    assert seeded["text"].seen[-1] == "item:i005"


def by_item(engine, item, **fields):
    """Similar items, by the two ways to ask for them."""
    similar = engine.similar("c", item, SimilarRequest.model_validate(fields))
    like = engine.search("c", SearchRequest.model_validate({**fields, "like": [item]}))
    assert similar.hits == like.hits
    return like


def test_items_are_searched_by_every_part(engine, search):
    """By every part that an item has; it is not a hit itself."""
    answer = by_item(engine, "all", limit=100)
    assert "all" not in ids(answer)
    assert {name for hit in answer.hits for name in hit.why} >= {"text", "image", "keyword"}
    options = {"filter": {"id": {"none": "seen"}}, "weights": {"image": 1, "text": 0, "keyword": 0},
               "not": {"image": "item:seen"}, "fields": []}  # fmt: skip
    assert {"all", "seen"}.isdisjoint(ids(by_item(engine, "all", **options)))
    mixed = search(text="number3", like=["all", "i004"], limit=100)
    assert {"all", "i004"}.isdisjoint(ids(mixed))
    assert ids(mixed)[0] == "i003"


def test_a_part_without_vectors_is_left_out(engine, index):
    """An item with a silent sound is searched by its text; one of silence alone by nothing."""
    index.add(document("night", text="quiet cat", audio="0" * 64), document("mute", audio="0" * 64))
    assert set(by_item(engine, "night").hits[0].why) == {"keyword", "text"}
    with pytest.raises(InvalidInput, match="item 'mute' has nothing to search by") as caught:
        engine.similar("c", "mute", SimilarRequest())
    assert caught.value.field == "item"
    with pytest.raises(InvalidInput, match="item 'mute' has nothing to search by") as caught:
        engine.search("c", SearchRequest(like=["night", "mute"]))
    assert caught.value.field == "like"
    with pytest.raises(InvalidInput, match="nothing to search for is found in the audio"):
        engine.search("c", SearchRequest(audio="item:night"))


def test_nobody_is_like_an_item_that_is_not_there(engine):
    """With the name of the field."""
    with pytest.raises(NotFound, match="no item 'nobody'") as caught:
        engine.similar("c", "nobody", SimilarRequest())
    assert caught.value.field == "item"
    with pytest.raises(NotFound, match="no item 'nobody'") as caught:
        engine.search("c", SearchRequest(text="cat", like=["nobody"]))
    assert caught.value.field == "like"


def test_similar_items_by_pages(engine):
    """What is begun with ``like`` goes on, and the item is on no page."""
    whole = by_item(engine, "i003", limit=100)
    request = SearchRequest(like=["i003"], limit=20, cursor="*")
    first = engine.search("c", request)
    second = engine.search("c", request.model_copy(update={"cursor": first.cursor}))
    assert [*first.hits, *second.hits] == whole.hits[:40]


def test_several_of_one_kind(search):
    """The middle between them, and the words of all."""
    answer = search(text=["cat number3", "cat number8"], limit=2)
    assert sorted(ids(answer)) == ["i003", "i008"]
    mixed = search(image=["item:seen", png(9)])
    assert ids(mixed)[0] == "seen"
    assert mixed.hits[0].why["image"].blocks["visual"] == pytest.approx(0.5, abs=0.2)


def test_what_hits_are_to_be_unlike(search):
    """Takes off, and says so."""
    plain = search(text="cat", limit=100)
    unlike = search(text="cat", limit=100, **{"not": {"text": "number3"}})
    assert ids(unlike).index("i003") > ids(plain).index("i003")
    (hit,) = [hit for hit in unlike.hits if hit.id == "i003"]
    assert hit.why["not.text"].contribution < 0


def test_verification_takes_the_image_of_an_item(engine, search, index):
    """From the media store; the hit need not show where it comes from."""
    digest = engine.store.put(png(7))
    index.add(document("seen", blocks={"visual": vector("seen", 256)}, image=digest))
    answer = search(image="item:seen", verify=True, fields=[], limit=1)
    assert [(hit.id, hit.item) for hit in answer.hits] == [("seen", {})]
    assert answer.hits[0].inliers is not None
    assert list(answer.took_ms) == ["encode", "search", "fuse", "documents", "verify", "total"]


def test_similar_items_are_verified(engine, index):
    """By the image of the item."""
    digest = engine.store.put(png(7))
    for name in ("one", "two"):
        index.add(document(name, blocks={"visual": vector("seen", 256)}, image=digest))
    answer = by_item(engine, "one", verify=True)
    assert {"seen", "two"} <= {hit.id for hit in answer.hits if hit.inliers is not None}


def test_text_without_vectors_is_words(search):
    """Where only an operator's word is left out nothing is embedded."""
    assert "seen" in ids(search(text="-cat", image="item:seen"))
    assert search(text="cat -number4", limit=1).hits[0].why


def test_words_can_be_literal(search, index):
    """Without a syntax the sign is no operator."""
    search(text="cat -number4", syntax="none")
    assert not index.queries[-1].words.must_not
    search(text="cat -number4")
    assert index.queries[-1].words.must_not


def test_words_without_weight_still_exclude(search, index):
    """They make no score, but what is required stays required."""
    answer = search(text="+cat -number4", weights={"keyword": 0})
    words = index.queries[-1].words
    assert (len(words.should), len(words.must), len(words.must_not)) == (0, 1, 1)
    assert "keyword" not in answer.hits[0].why


def test_metadata_keys_are_read_rarely(search, index):
    """Once for many requests; again before a key is refused, so a new one is known."""
    for _ in range(3):
        search(filter={"metadata.year": 1999})
    assert index.metadata_calls == 1
    index.add(document("i001", text="cat", metadata={"colour": "red"}))
    assert ids(search(filter={"metadata.colour": "red"})) == ["i001"]
    assert index.metadata_calls == 2
    with pytest.raises(InvalidInput, match="there are colour, place, year") as caught:
        search(sort=["metadata.size"])
    assert caught.value.field == "sort.0"
    assert index.metadata_calls == 3


def test_an_empty_collection_has_no_wrong_keys(search, index):
    """Nothing is found."""
    index.remove(*index.ids())
    assert search(filter={"metadata.anything": 1}).hits == []
    assert search(text="cat", facets=["metadata.anything"]).hits == []
