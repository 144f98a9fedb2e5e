"""``triptych encoders``, ``fit`` and ``evaluate encoders``."""

import json
from dataclasses import fields

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from triptych.cli import evaluate
from triptych.cli.main import app
from triptych.cli.media import pairs
from triptych.cli.show import console
from triptych.cli.variations import wav
from triptych.corpora.errors import CorpusUnavailable
from triptych.encoders import artefacts
from triptych.encoders.registry import encoders as registered
from triptych.encoders.registry import open_encoder
from triptych.encoders.text.minilm import MiniLM
from triptych.evaluation.metrics import Result, result
from triptych.media.store import MediaStore

RUN = CliRunner()


def test_every_encoder_is_listed(monkeypatch):
    """As a table, and as JSON with everything on its card."""
    monkeypatch.setattr(console, "width", 200)
    table = RUN.invoke(app, ["encoders"])
    assert table.exit_code == 0
    assert all(name in table.stdout for name in registered())
    lines = [
        json.loads(line) for line in RUN.invoke(app, ["encoders", "--json"]).stdout.splitlines()
    ]
    assert {line["name"] for line in lines} == set(registered())
    filled = {block for line in lines for block in line["fills"]}
    assert filled == {"semantic", "concept", "visual", "acoustic"}
    assert all(line["fingerprint"] and line["source"] and line["extra"] for line in lines)
    assert all(set(line["fills"]) <= set(line["roles"]) for line in lines)
    assert "visual*" in table.stdout


@pytest.fixture
def captions(tmp_path):
    """A folder of captions, a manifest, and what can't be used."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number, animal in enumerate(["cat", "dog", "bird", "fish"]):
        (folder / f"{animal}.txt").write_text(f"A {animal} that is number {number}.")
    (folder / "broken.txt").write_bytes(b"\xff\xfe\xff")
    (folder / "picture.png").write_bytes(b"no text")
    lines = [{"id": "x", "text": "A horse runs."}, {"id": "y", "image": "picture.png"}, ["bad"]]
    (folder / "more.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return folder


def test_fit_prints_the_reference_of_what_it_stored(captions, tmp_path):
    """Same corpus, same reference; what is broken is skipped with its reason."""
    store = tmp_path / "media"
    command = ["fit", "tfidf-lsa", str(captions), "--media-url", store.as_uri()]
    first, second = RUN.invoke(app, command), RUN.invoke(app, command)
    assert first.exit_code == 0, first.output
    assert first.stdout == second.stdout
    reference = first.stdout.strip()
    assert list(store.rglob("card-*.json")), "who needs its width only does not open it"
    encoder = open_encoder(reference, store=MediaStore(store.as_uri()))
    assert encoder.encode(["horse"]).any()
    assert not encoder.encode(["zebra"]).any()
    assert "broken.txt: text is binary data" in first.stderr
    assert "line 3 is not a JSON object" in first.stderr


def test_pictures_and_sounds_are_decoded(tmp_path):
    """By the modality of the encoder; the others in the folder are left."""
    draw = np.random.default_rng(0)
    for number in range(40):
        noise = cv2.GaussianBlur(draw.integers(0, 255, (160, 160, 3), np.uint8), (0, 0), 2)
        cv2.imwrite(str(tmp_path / f"{number}.png"), cv2.normalize(noise, None, 0, 255, 32))
        (tmp_path / f"{number}.wav").write_bytes(wav(draw.normal(size=20_000).astype(np.float32)))
    for name in ("rootsift-vlad", "mfcc-words"):
        command = ["fit", name, str(tmp_path), "--media-url", (tmp_path / "media").as_uri()]
        found = RUN.invoke(app, command)
        assert found.exit_code == 0, found.output
        assert artefacts.load(MediaStore((tmp_path / "media").as_uri()), found.stdout.strip())


@pytest.fixture
def captioned(tmp_path):
    """Pictures with texts of the same stem and in a manifest, and what is no pair."""
    folder = tmp_path / "captioned"
    (folder / "more").mkdir(parents=True)
    draw = np.random.default_rng(0)
    for number in range(32):
        for stem in (f"{number}", f"more/{number}"):
            noise = draw.integers(0, 255, (40, 40, 3), np.uint8)
            cv2.imwrite(str(folder / f"{stem}.png"), cv2.GaussianBlur(noise, (0, 0), 2))
    lines = []
    for number in range(32):
        (folder / f"{number}.txt").write_text(f"noise of number {number}")
        lines.append({"id": f"{number}", "image": f"{number}.png", "text": f"more {number}"})
    lines += [{"id": "a", "image": "0.png"}, {"id": "b", "text": "alone"}]
    lines += [{"id": "c", "image": "none.png", "text": "lost"}, ["bad"]]
    (folder / "more" / "items.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "alone.txt").write_text("without a picture")
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "broken.txt").write_text("broken")
    return folder


def test_pairs_are_files_of_one_stem_and_lines_of_manifests(captioned):
    """Each picture with its own text; what is broken is told of once, what is no pair is left."""
    skipped = []
    found = list(pairs([captioned], lambda name, reason: skipped.append((name, reason))))
    texts = [text for _, text in found]
    assert set(texts[:32]) == {f"noise of number {number}" for number in range(32)}
    assert texts[32:] == [f"more {number}" for number in range(32)]
    at = texts.index("noise of number 7")
    for place, file in ((at, "7.png"), (39, "more/7.png")):
        picture = cv2.imread(str(captioned / file))[:, :, ::-1]
        assert np.array_equal(found[place][0], picture)
    assert len(skipped) == 3
    assert {name.rpartition("/")[2] for name, _ in skipped} == {
        "broken.png",
        "items.jsonl:35",
        "items.jsonl:36",
    }


def test_an_encoder_in_text_space_is_fitted_on_pairs(captioned, tmp_path):
    """With the text encoder of the settings."""
    media = (tmp_path / "media").as_uri()
    found = RUN.invoke(app, ["fit", "concept-map", str(captioned), "--media-url", media])
    assert found.exit_code == 0, found.output
    artefact = artefacts.load(MediaStore(media), found.stdout.strip())
    assert artefact.values["pairs"] == 64
    assert artefact.values["text"] == MiniLM.card.fingerprint


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nothing", "."], "no encoder 'nothing'; there are:"),
        (["minilm", "."], "minilm needs no fitting"),
        (["tfidf-lsa", "/no/such/folder"], "/no/such/folder is not there"),
    ],
)
def test_what_can_not_be_fitted_is_an_error(arguments, reason):
    """In one line, exit code 2."""
    found = RUN.invoke(app, ["fit", *arguments])
    assert found.exit_code == 2
    assert reason in found.stderr


def test_results_are_one_object_a_line(monkeypatch):
    """With every field of a result, as they come."""
    rows = [result("c", "e", "R@1", np.array([1.0, 0.0, 1.0]), goal=0.5)]
    monkeypatch.setattr(evaluate, "task", lambda _: lambda: iter(rows))
    found = RUN.invoke(app, ["evaluate", "encoders", "--json", "--only", "emoji"])
    (line,) = map(json.loads, found.stdout.splitlines())
    assert set(line) == {field.name for field in fields(Result)}
    assert (line["metric"], line["value"], line["goal"]) == ("R@1", pytest.approx(2 / 3), 0.5)
    shown = RUN.invoke(app, ["evaluate", "encoders", "--only", "emoji"])
    assert "0.667" in shown.stdout


def test_an_evaluation_without_its_corpus_is_an_error(monkeypatch):
    """The others go on; the exit code is 1."""

    def unavailable():
        raise CorpusUnavailable("npm is not here")
        yield

    monkeypatch.setattr(evaluate, "task", lambda _: unavailable)
    found = RUN.invoke(app, ["evaluate", "encoders", "--only", "emoji", "--only", "families"])
    assert found.exit_code == 1
    assert found.stderr.count("npm is not here") == 2


def test_an_unknown_evaluation_lists_the_known_ones():
    """Exit code 2."""
    found = RUN.invoke(app, ["evaluate", "encoders", "--only", "emojis"])
    assert found.exit_code == 2
    assert "emoji, captions" in found.stderr
