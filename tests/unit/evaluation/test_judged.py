"""Judged sets as folders."""

import json
import re

import pytest

from triptych.core.errors import InvalidInput
from triptych.evaluation import judged
from triptych.evaluation.judged import HALVES, Query

LINES = [{"id": "a b", "text": "One."}, {"id": "c", "image": "c.png", "tags": ["t"]}]
QUERIES = [
    Query(id="q1", kind="text", text="one", half="training"),
    Query(id="q2", kind="image", image="media/x.png", half="held-out"),
]
GRADES = {"q1": {"a b": 2, "c": 1}, "q2": {"c": 2}}


@pytest.fixture
def folder(tmp_path):
    """A judged set of two items and two queries."""
    judged.write(tmp_path, LINES, QUERIES, GRADES)
    return tmp_path


def test_what_was_written_is_read(folder):
    """With media as absolute paths, relative ones being in the folder."""
    judged_set = judged.read(folder)
    assert judged_set.name == folder.name
    assert [item.id for item in judged_set.items] == ["a b", "c"]
    assert judged_set.items[1].image == str(folder / "c.png")
    assert judged_set.queries[1].image == str(folder / "media/x.png")
    assert judged_set.grades == GRADES
    assert [query.id for half in HALVES for query in judged_set.of(half)] == ["q1", "q2"]


def test_absolute_paths_stay(tmp_path):
    """Such as those of a corpus elsewhere."""
    line = {"id": "c", "audio": "/corpus/c.ogg"}
    judged.write(tmp_path, [line], [Query(id="q", kind="k", text="x")], {"q": {"c": 1}})
    assert judged.read(tmp_path).items[0].audio == "/corpus/c.ogg"


def test_halves_are_drawn_by_item(tmp_path):
    """Where they are not stated: all queries of an item are in the same half, some in either."""
    lines = [{"id": f"{n}", "text": "x"} for n in range(60)]
    queries = [Query(id=f"{n}-{k}", kind="k", text="x") for n in range(60) for k in range(3)]
    grades = {query.id: {query.id.partition("-")[0]: 1} for query in queries}
    judged.write(tmp_path, lines, queries, grades)
    judged_set = judged.read(tmp_path)
    items = [
        {item for query in judged_set.of(half) for item in judged_set.grades[query.id]}
        for half in HALVES
    ]
    assert not items[0] & items[1]
    assert len(items[0] | items[1]) == 60
    assert min(map(len, items)) > 15


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("manifest.jsonl", '{"id": 5}', "manifest.jsonl: line 1: id"),
        ("manifest.jsonl", '{"text": "no id"}', "needs an id"),
        ("queries.jsonl", '{"id": "q1", "kind": "k"}', "neither text, image nor audio"),
        ("queries.jsonl", '{"id": "q1", "kind": "k", "txt": "x"}', "txt: unknown field"),
        ("queries.jsonl", '{"id": "q9", "kind": "k", "text": "x"}', "no item answers query 'q9'"),
        ("queries.jsonl", "", "has no queries"),
        ("qrels.txt", "q1 0 c", "not of the form"),
        ("qrels.txt", "q1 0 c good", "not of the form"),
        ("qrels.txt", "q1 0 d 1", "no item 'd'"),
        ("qrels.txt", "q1 0 c 0", "no item answers query 'q1'"),
    ],
)
def test_what_is_wrong_is_said(folder, file, text, reason):
    """With the file, and the line where there is one."""
    (folder / file).write_text(f"{text}\n" if text else "")
    with pytest.raises(InvalidInput, match=re.escape(reason)):
        judged.read(folder)


def test_a_share_depends_on_the_string_alone():
    """Evenly between 0 and 1."""
    shares = [judged.share(f"{n}") for n in range(1000)]
    assert shares == [judged.share(f"{n}") for n in range(1000)]
    assert sum(each < 0.3 for each in shares) / 1000 == pytest.approx(0.3, abs=0.05)


def test_the_same_set_is_the_same_bytes(folder, tmp_path):
    """Whatever the order of the keys and items."""
    other = tmp_path / "other"
    other.mkdir()
    shuffled = {"q1": {"c": 1, "a b": 2}, "q2": {"c": 2}}
    judged.write(other, [dict(reversed(line.items())) for line in LINES], QUERIES, shuffled)
    for name in ("manifest.jsonl", "queries.jsonl", "qrels.txt"):
        assert (other / name).read_bytes() == (folder / name).read_bytes()
    assert json.loads((folder / "manifest.jsonl").read_text().splitlines()[0]) == LINES[0]
