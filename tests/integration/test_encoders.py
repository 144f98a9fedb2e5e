"""A stack with other encoders than the default: fitted ones, speech and writing as text."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from support import Lines, ids, settle, wait_for
from triptych.cli.variations import mirrored_crop, wav
from triptych.client import Client
from triptych.corpora import prompts
from triptych.corpora.errors import CorpusUnavailable
from triptych.encoders import artefacts, registry
from triptych.encoders.image.descriptors import SIDE
from triptych.local import StackOptions, running_stack
from triptych.local.parts import media_url
from triptych.media.audio import RATE
from triptych.media.image import decode_image
from triptych.media.store import MediaStore

SENTENCE = "conf-now-recording"


def poster(words: str) -> bytes:
    """Black writing on white, as PNG."""
    picture = Image.new("RGB", (640, 200), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((40, 60), words, fill="black", font=ImageFont.load_default(64))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def bark() -> bytes:
    """Bursts of noise: a sound without speech."""
    draw = np.random.default_rng(0)
    burst = draw.normal(size=RATE // 4) * np.exp(-np.arange(RATE // 4) / 1500)
    return wav(np.tile(np.pad(burst, (0, RATE // 8)), 5).astype(np.float32) / 5)


@pytest.fixture(scope="module")
def spoken() -> bytes:
    """A recorded sentence."""
    try:
        corpus = {prompt.name: prompt for prompt in prompts.fetch()}
    except CorpusUnavailable as error:
        pytest.skip(f"the recorded prompts can't be fetched: {error}")
    assert corpus[SENTENCE].text == "The conference is now being recorded."
    return corpus[SENTENCE].path.read_bytes()


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory, stamps: Path, stamp_lines: Lines
) -> Iterator[dict[str, str]]:
    """Settings of fitted encoders, whose artefacts are in the store of the stack to come."""
    pictures = [
        decode_image((stamps / line["image"]).read_bytes(), side=SIDE, max_pixels=10**7)
        for line in stamp_lines
    ]
    fitted = {
        "KEYWORDS": registry.fit("tfidf-lsa", [line["text"] for line in stamp_lines]),
        "VISUAL": registry.fit("rootsift-vlad", pictures),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        store = MediaStore(media_url(StackOptions(name="encoders").home))
        for artefact in fitted.values():
            artefacts.save(store, artefact)
        yield {
            **{f"TRIPTYCH_ENCODER_{role}": entry.reference for role, entry in fitted.items()},
            "TRIPTYCH_ENCODER_SPOKEN": "whisper-base",
            "TRIPTYCH_ENCODER_WRITTEN": "rapidocr",
        }


@pytest.fixture(scope="module")
def web(settings: dict[str, str], stamps: Path) -> Iterator[httpx.Client]:
    """Plain HTTP to the gateway of a stack that works with these encoders."""
    options = StackOptions(
        name="encoders", port=0, image_workers=1, heap="512m", import_roots=(stamps,),
        env=settings, keep=False,
    )  # fmt: skip
    with (
        running_stack(options) as stack,
        httpx.Client(base_url=stack.gateway_url, timeout=60) as connected,
    ):
        yield connected


@pytest.fixture(scope="module")
def other(web: httpx.Client) -> Iterator[Client]:
    """The Python client of that gateway."""
    with Client(str(web.base_url)) as connected:
        yield connected


@pytest.fixture(scope="module")
def filled(other: Client, web: httpx.Client, stamp_lines: Lines, spoken: bytes) -> str:
    """A collection of stamps, a spoken sentence, a bark, and a poster."""
    name = "mixed"
    files = {
        "sentence.wav": spoken,
        "sentence.txt": b"Recording 17.",
        "bark.wav": bark(),
        "poster.png": poster("GARDEN PARTY"),
    }
    manifest = "\n".join(map(json.dumps, stamp_lines[::3])).encode()
    uploads = [("files", entry) for entry in files.items()]
    answer = web.post(f"/v1/collections/{name}/batches", files=uploads).json()
    for batch in (answer["batch"], other.submit_manifest(name, manifest)["batch"]):
        status = wait_for(other, batch, seconds=240)
        assert [entry["errors"] for entry in other.failures(batch)] == []
        assert status.done == status.total
    settle(web, name)
    return name


def item(web: httpx.Client, collection: str, item_id: str) -> dict[str, Any]:
    """The document of an item."""
    found: dict[str, Any] = web.get(f"/v1/collections/{collection}/items/{item_id}").json()
    return found


def test_speech_is_found_by_its_words(other: Client, web: httpx.Client, filled: str):
    """As text of its own field, in words and by meaning; the caller's text stays."""
    found = item(web, filled, "sentence")
    assert found["text"] == "Recording 17."
    assert "conference is now being recorded" in found["transcript"]["text"].lower()
    assert found["transcript"]["language"] == "en"
    (segment, *_) = found["transcript"]["segments"]
    assert 0 <= segment["start"] < segment["end"] < 10
    answer = other.search(filled, {"text": "they record the conference", "limit": 1}, {})
    assert ids(answer) == ["sentence"]
    why = answer["hits"][0]["why"]
    assert why["keyword"]["raw"] > 0
    assert why["text"]["blocks"]["spoken"] > 0.6


def test_speech_finds_what_is_written(other: Client, filled: str, spoken: bytes):
    """A spoken query is heard, too."""
    answer = other.search(filled, {"limit": 1}, {"audio": spoken})
    assert ids(answer) == ["sentence"]
    assert answer["hits"][0]["why"]["audio"]["blocks"]["spoken"] == pytest.approx(1, abs=0.01)


def test_a_bark_says_nothing(web: httpx.Client, filled: str):
    """A sound without speech has no transcript."""
    assert "transcript" not in item(web, filled, "bark")


def test_writing_is_found_by_its_words(other: Client, web: httpx.Client, filled: str):
    """A picture without a text is found by what is written in it."""
    found = item(web, filled, "poster")
    assert found["writing"]["text"].upper() == "GARDEN PARTY"
    assert "text" not in found
    answer = other.search(filled, {"text": "garden party", "limit": 1}, {})
    assert ids(answer) == ["poster"]
    assert answer["hits"][0]["why"]["text"]["blocks"]["written"] > 0.6


def test_keywords_are_picked_shown_and_filter(
    other: Client, web: httpx.Client, filled: str, stamp_lines: Lines
):
    """Those of the corpus that the encoder was fitted on."""
    line = next(line for line in stamp_lines[::3] if len(line["text"].split()) > 3)
    keywords = item(web, filled, line["id"])["keywords"]
    assert keywords
    assert all(word in line["text"].lower() for word in keywords)
    fields = {"text": "anything", "filter": {"keywords": keywords[:1]}, "limit": 50}
    hits = other.search(filled, fields, {})["hits"]
    assert line["id"] in [hit["id"] for hit in hits]
    assert all(keywords[0] in hit["item"]["keywords"] for hit in hits)


def test_near_duplicates_come_first_when_verified(
    other: Client, filled: str, stamp_lines: Lines, stamps: Path
):
    """By a fitted encoder that only knows keypoints, and by the keypoints themselves."""
    line = stamp_lines[0]
    query = mirrored_crop((stamps / line["image"]).read_bytes())
    answer = other.search(filled, {"limit": 3, "verify": True}, {"image": query})
    first, *others = answer["hits"]
    assert first["id"] == line["id"]
    assert first["inliers"] > 10 > max(hit["inliers"] for hit in others)
    assert answer["took_ms"]["verify"] > 0
    lean = other.search(filled, {"limit": 3, "verify": True, "fields": []}, {"image": query})
    assert [hit["inliers"] for hit in lean["hits"]] == [hit["inliers"] for hit in answer["hits"]]
    assert [hit["item"] for hit in lean["hits"]] == [{}] * 3


def test_the_collection_says_which_encoders_it_has(web: httpx.Client, filled: str, settings):
    """With the version of what was fitted."""
    answer = web.get(f"/v1/collections/{filled}").json()
    blocks = {block["name"]: block["encoder"] for block in answer["blocks"]}
    assert list(blocks) == ["semantic", "concept", "visual", "acoustic", "spoken", "written"]
    version = settings["TRIPTYCH_ENCODER_VISUAL"].partition("@")[2]
    assert blocks["visual"]["weights"][0].startswith(version)
