"""The judgement of what became of accepted items sees every kind of loss."""

from typing import Any

import pytest

from chaos.expected import DELETED, Expected, Judgement, judge


def accepted(**items: str | None) -> Expected:
    """Items of which these versions were accepted."""
    expected = Expected()
    versions = {("c", name): text for name, text in items.items()}
    expected.sent(versions)
    expected.acknowledged(versions)
    return expected


def judged(expected: Expected, *documents: tuple[str, dict[str, Any]]) -> Judgement:
    return judge(expected, ((("c", name), document) for name, document in documents))


def test_all_is_well():
    expected = accepted(a="1", b="1", c="1", d="1", e=DELETED)
    evidence = {"item": "3 workers died of it: signal 9"}
    found = judged(
        expected,
        ("a", {"status": "indexed", "text": "1"}),
        ("b", {"status": "partial", "text": "1", "errors": {"image": "is cut off"}}),
        ("c", {"status": "failed", "errors": {"image": "is cut off"}}),
        ("d", {"status": "quarantined", "errors": evidence}),
    )
    assert found == Judgement(accepted=5, indexed=2, failed=1, quarantined=1, deleted=1)


@pytest.mark.parametrize(
    "document",
    [
        None,
        {"status": "indexed", "text": "1"},
        {"status": "failed"},
        {"status": "partial", "text": "2"},
        {"status": "quarantined", "errors": {"item": "no evidence"}},
    ],
)
def test_a_loss_is_seen(document: dict[str, Any] | None):
    """Not there, an older version, or no reason."""
    expected = accepted(a="1")
    expected.acknowledged({("c", "a"): "2"})
    found = judged(expected, *([] if document is None else [("a", document)]))
    assert (found.accepted, found.lost, len(found.problems)) == (1, 1, 1)


def test_what_is_there_twice_or_should_not_be_is_seen():
    document = {"status": "indexed", "text": "1"}
    expected = accepted(a="1", b=DELETED)
    found = judged(expected, ("a", document), ("a", document), ("b", document), ("x", document))
    assert (found.indexed, found.twice, len(found.problems)) == (1, 3, 3)


def test_without_an_answer_both_versions_are_right():
    """Then nobody can know which one it is, but a third one is wrong."""
    for text, lost in (("1", 0), ("2", 0), ("3", 1)):
        expected = accepted(a="1")
        expected.sent({("c", "a"): "2"})
        assert judged(expected, ("a", {"status": "indexed", "text": text})).lost == lost


def test_a_dropped_collection_is_empty_until_something_is_sent_again():
    expected = accepted(a="1", b="1")
    expected.dropped("c")
    expected.acknowledged({("c", "b"): "2"})
    found = judged(expected, ("b", {"status": "indexed", "text": "2"}))
    assert (found.accepted, found.indexed, found.deleted, found.lost) == (2, 1, 1, 0)
