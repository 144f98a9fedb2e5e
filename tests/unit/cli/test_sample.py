"""The self-made corpus."""

import json

import pytest

from triptych.cli.corpus import Question
from triptych.cli.sample import corpus
from triptych.ingest.lines import read_lines
from triptych.ingest.sent import ItemLine
from triptych.media.audio import decode_audio
from triptych.media.image import decode_image


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The corpus."""
    return corpus(tmp_path_factory.mktemp("sample") / "deep")


def test_every_line_is_an_item_whose_files_are_good(made):
    """Sixteen, no two alike."""
    lines = [line for _, line in read_lines((made.root / "manifest.jsonl").read_bytes())]
    assert len(lines) == 16
    assert all(isinstance(line, ItemLine) for line in lines)
    assert [json.loads(line.model_dump_json(exclude_defaults=True)) for line in lines] == made.lines
    pictures = {decode_image((made.root / line.image).read_bytes(), side=64, max_pixels=10**6).tobytes() for line in lines}  # fmt: skip  # noqa: E501
    sounds = {decode_audio((made.root / line.audio).read_bytes(), max_seconds=9).tobytes() for line in lines}  # fmt: skip  # noqa: E501
    assert len(pictures) == len(sounds) == len({line.id for line in lines}) == 16


def test_every_question_has_an_answer_in_the_corpus(made):
    """And its media are not the very files that are indexed."""
    ids = [line["id"] for line in made.lines]
    files = {path.read_bytes() for path in made.root.iterdir()}
    for question in made.questions:
        assert any(item_id.startswith(question.expected) for item_id in ids)
        assert question.text or question.media
        assert not files & set(question.media.values())


def test_the_same_corpus_every_time(made, tmp_path):
    """Bit by bit."""
    again = corpus(tmp_path)
    assert again.lines == made.lines
    for path in made.root.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def hit(name: str, score: float = 1, why: object = ("text",)) -> dict[str, object]:
    """A hit of a search."""
    return {"id": name, "score": score, "why": why}


@pytest.mark.parametrize(
    ("hits", "expected"),
    [
        ([hit("red-x")], True),
        ([hit("b"), hit("red-x")], True),
        ([hit("b"), hit("c"), hit("red-x")], False),
        ([hit("red-x", 0)], False),
        ([hit("red-x", 1, {})], False),
        ([], False),
    ],
)
def test_a_question_is_answered_by_a_good_hit_in_front(hits, expected):
    """Within the first two here, with a score and a reason."""
    assert Question("q", "red-", within=2).answered_by(hits) is expected
