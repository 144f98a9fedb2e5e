"""Real stamps, ingested over HTTP, are found by each modality and by mixes, and it says why."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support import Lines, ids
from triptych.cli.variations import mirrored_crop, second_half
from triptych.client import Client
from triptych.encoders.text.minilm import MiniLM

Fill = Callable[..., dict[str, Any]]


def share_found(
    client: Client, collection: str, queries: dict[str, tuple[dict, dict]], within: int
) -> float:
    """The share of queries whose item is among the first hits."""
    found = [
        item in ids(client.search(collection, {**fields, "limit": within}, media))
        for item, (fields, media) in queries.items()
    ]
    return float(np.mean(found))


def test_words_find_their_caption(client: Client, stamp_collection: str, stamp_lines: Lines):
    """A caption as the query finds its item first, or one of the very same caption."""
    captions = {line["id"]: line["text"] for line in stamp_lines}
    hits = [
        captions[ids(client.search(stamp_collection, {"text": line["text"], "limit": 1}, {}))[0]]
        == line["text"]
        for line in stamp_lines[::8]
    ]
    assert np.mean(hits) >= 0.95


def test_meaning_finds_what_no_caption_says(client: Client, stamp_collection: str):
    """A word that no caption holds finds what it means, and no keyword signal claims a part."""
    answer = client.search(stamp_collection, {"text": "automobile", "limit": 3}, {})
    assert all(name.startswith("vehicles/") for name in ids(answer))
    assert all("keyword" not in hit["why"] for hit in answer["hits"])


def test_picture_finds_its_item(
    client: Client, stamp_collection: str, stamp_lines: Lines, stamps: Path
):
    """A mirrored and cropped picture finds the picture that it was made from."""
    queries = {
        line["id"]: ({}, {"image": mirrored_crop((stamps / line["image"]).read_bytes())})
        for line in stamp_lines[::10]
    }
    assert share_found(client, stamp_collection, queries, 3) >= 0.9


def test_sound_finds_its_item(
    client: Client, stamp_collection: str, stamp_lines: Lines, stamps: Path
):
    """The second half of a sound, more quietly, finds the whole one."""
    sounding = [line for line in stamp_lines if "audio" in line]
    queries = {
        line["id"]: ({}, {"audio": second_half((stamps / line["audio"]).read_bytes())})
        for line in sounding[::8]
    }
    assert share_found(client, stamp_collection, queries, 5) >= 0.75


def test_a_mix_finds_what_fits_all_of_it(
    client: Client, stamp_collection: str, stamp_lines: Lines, stamps: Path
):
    """Words, picture and sound of one item together find it first."""
    whole = [line for line in stamp_lines if "audio" in line][::12]
    queries = {
        line["id"]: (
            {"text": line["text"]},
            {part: (stamps / line[part]).read_bytes() for part in ("image", "audio")},
        )
        for line in whole
    }
    assert share_found(client, stamp_collection, queries, 1) == 1.0


def test_text_steers_a_picture(client: Client, stamp_collection: str, stamps: Path):
    """Words added to a picture lift what they name above what merely looks alike."""
    picture = {"image": (stamps / "animals/birds/drake.png").read_bytes()}
    alone = ids(client.search(stamp_collection, {"limit": 1}, picture))
    steered = ids(client.search(stamp_collection, {"text": "penguin", "limit": 1}, picture))
    assert alone == ["animals/birds/drake"]
    assert "penguin" in steered[0]


def test_a_picture_and_a_word_that_it_lacks(client: Client, stamp_collection: str, stamps: Path):
    """Are multiplied: a sheep, and "baby", is a lamb. Its own word is added."""
    sheep = {"image": (stamps / "animals/mammals/bovines/sheep.png").read_bytes()}
    same = client.search(stamp_collection, {"text": "sheep", "limit": 3}, sheep)
    assert same["fusion"] == "linear"
    assert same["hits"][0]["id"] == "animals/mammals/bovines/sheep"
    adding = client.search(stamp_collection, {"text": "baby", "limit": 3}, sheep)
    assert adding["fusion"] == "product"
    assert adding["hits"][0]["id"] == "animals/mammals/bovines/sheep_lamb", adding["hits"]
    added = client.search(stamp_collection, {"text": "baby", "fusion": "linear"}, sheep)
    assert added["hits"][0]["id"] == "animals/mammals/bovines/gnu-baby-stand"


@pytest.mark.parametrize("fusion", ["auto", "linear", "product", "rrf"])
@pytest.mark.parametrize("parts", [("text",), ("image",), ("audio",), ("text", "image", "audio")])
def test_score_is_the_sum_of_its_reasons(
    client: Client, stamp_collection: str, stamps: Path, fusion: str, parts: tuple[str, ...]
):
    """Contributions add up to the score, of a sum each is weight times normalised; best first."""
    files = {
        "image": "animals/mammals/elephant.png",
        "audio": "animals/mammals/elephant.ogg",
    }
    media = {part: (stamps / files[part]).read_bytes() for part in parts if part != "text"}
    fields: dict[str, Any] = {"fusion": fusion, "limit": 50, "weights": {"text": 0.7, "image": 2}}
    if "text" in parts:
        fields["text"] = "an elephant"
    answer = client.search(stamp_collection, fields, media)
    hits, multiplied = answer["hits"], answer["fusion"] == "product"
    assert multiplied == (fusion == "product" and len(parts) > 1), "all is of one elephant"
    assert len(hits) >= 30
    for hit in hits:
        reasons = hit["why"].values()
        assert hit["score"] == pytest.approx(sum(r["contribution"] for r in reasons), abs=1e-9)
        for reason in reasons:
            product = reason["weight"] * reason["normalised"]
            assert multiplied or reason["contribution"] == pytest.approx(product, abs=1e-9)
    scores = [hit["score"] for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert hits[0]["id"] == "animals/mammals/elephant"


def test_reasons_are_the_cosines_of_the_models(
    client: Client, stamp_collection: str, stamp_lines: Lines
):
    """The cosine that a hit reports is that of the two texts, computed apart from the system."""
    captions = {line["id"]: line["text"] for line in stamp_lines}
    hits = client.search(stamp_collection, {"text": "a striped cat", "limit": 5}, {})["hits"]
    vectors = MiniLM().encode(["a striped cat", *(captions[hit["id"]] for hit in hits)])
    reported = [hit["why"]["text"]["blocks"]["semantic"] for hit in hits]
    assert reported == pytest.approx((vectors[1:] @ vectors[0]).tolist(), abs=2e-3)


def test_weights_decide(client: Client, stamp_collection: str, stamps: Path):
    """With the picture's weight at zero only the words count, and the other way round."""
    media = {"image": (stamps / "animals/birds/drake.png").read_bytes()}
    fields = {"text": "a tractor", "limit": 1}
    words = client.search(stamp_collection, {**fields, "weights": {"image": 0}}, media)
    looks = client.search(stamp_collection, {**fields, "weights": {"text": 0, "keyword": 0}}, media)
    assert ids(words)[0].startswith("vehicles/")
    assert ids(looks) == ["animals/birds/drake"]


def test_tags_filter(client: Client, stamp_collection: str):
    """Only items that have all the tags come back."""
    fields = {"text": "elephant", "filter": {"tags": ["animals", "birds"]}, "limit": 20}
    hits = client.search(stamp_collection, fields, {})["hits"]
    assert hits
    assert all({"animals", "birds"} <= set(hit["item"]["tags"]) for hit in hits)


def test_documents_hide_vectors(client: Client, stamp_collection: str):
    """A hit carries the item, not its vectors."""
    item = client.search(stamp_collection, {"text": "tiger", "limit": 1}, {})["hits"][0]["item"]
    assert item["status"] == "indexed"
    assert {"vector", "features", "words"}.isdisjoint(item)


def test_words_meet_in_other_languages(fill: Fill, client: Client, collection: str):
    """Stemmed in the language that is given or detected; scripts without spaces are searchable."""
    lines = [
        {"id": "houses", "text": "Die alten Häuser am Fluss", "language": "de"},
        {"id": "cat", "text": "黒猫が屋根の上で寝ている"},
        {"id": "horses", "text": "Лошади бегут по полю"},
        {"id": "other", "text": "nothing of the kind"},
    ]
    fill(manifest="\n".join(map(json.dumps, lines)).encode())
    for query, expected in (("altes Haus", "houses"), ("猫", "cat"), ("лошадь", "horses")):
        answer = client.search(collection, {"text": query, "limit": 1}, {})
        assert ids(answer) == [expected]
        assert answer["hits"][0]["why"]["keyword"]["raw"] > 0
    found = {hit["id"]: hit["item"] for hit in client.search(collection, {"text": "a"}, {})["hits"]}
    assert found["houses"]["language"] == "de"
    assert found["cat"]["language"] == "ja"


def test_a_drawing_is_a_picture(fill: Fill, client: Client, collection: str):
    """SVG is indexed and found like any other picture."""

    def disc(colour: str) -> bytes:
        circle = f'<circle cx="50" cy="50" r="40" fill="{colour}"/>'
        page = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{circle}</svg>'
        return page.encode()

    report = fill({"red.svg": disc("#d00"), "green.svg": disc("#0a0")})
    assert report["failures"] == {}
    answer = client.search(collection, {"limit": 1}, {"image": disc("#c11")})
    assert ids(answer) == ["red"]
    assert answer["hits"][0]["item"]["modalities"] == ["image"]
