"""Judged searches and tuning on the command line."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from triptych.cli import relevance
from triptych.cli.main import app
from triptych.corpora.errors import CorpusUnavailable
from triptych.evaluation import judged
from triptych.evaluation.judged import Query
from triptych.evaluation.page import files

RUN = CliRunner()
DOCS = Path(__file__).parents[3] / "docs"
ANIMALS = {"cat": "feline", "dog": "puppy", "horse": "pony", "parrot": "talking bird"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four animals, asked for by other words, half of them for training."""
    made = tmp_path_factory.mktemp("animals")
    queries, lines = [], []
    for number, (animal, other) in enumerate(ANIMALS.items()):
        picture = np.full((64, 64, 3), 60 * number, np.uint8)
        cv2.imwrite(str(made / f"{animal}.png"), picture)
        lines.append({"id": animal, "text": f"A {animal}.", "image": f"{animal}.png"})
        half = ("training", "held-out")[number % 2]
        queries.append(Query(id=animal, kind="words", text=f"a {other}", half=half))
    judged.write(made, lines, queries, {animal: {animal: 1} for animal in ANIMALS})
    return made


def test_figures_are_one_object_a_line(folder):
    """Of the fusions that are asked for, which need no index but files that are deleted."""
    command = ["evaluate", "search", "--set", str(folder), "--fusion", "linear", "--json"]
    found = RUN.invoke(app, command)
    assert found.exit_code == 0, found.output
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert {line["set"] for line in lines} == {folder.name}
    first = lines[0]
    assert (first["gallery"], first["kind"], first["metric"]) == ("whole", "words", "nDCG@10")
    assert {line["fusion"] for line in lines} == {"linear", "keyword alone", "text vector alone"}
    assert first["value"] > 0.5
    assert first["low"] <= first["value"] <= first["high"]


def test_figures_are_shown_to_people(folder, monkeypatch):
    """With a word where fusion hurts."""
    gain = {"metric": relevance.BEST_SINGLE, "queries": 2}
    figures = [
        relevance.Figure("s", "whole", "k", "linear", value=-0.1, low=-0.2, high=-0.05, **gain),
        relevance.Figure("s", "whole", "k", "rrf", value=-0.1, low=-0.2, high=0.05, **gain),
        relevance.Figure("s", "whole", "k", "dbsf", value=0.1, low=-0.2, high=0.3, **gain),
    ]
    monkeypatch.setattr(relevance, "evaluate", lambda *_: iter(figures))
    found = RUN.invoke(app, ["evaluate", "search", "--set", str(folder)])
    verdicts = [line.rpartition("n=2")[2] for line in found.stdout.splitlines()]
    assert verdicts == [" – fusion hurts", " – fusion may hurt", ""]


def test_tuning_needs_both_halves(folder, tmp_path):
    """A set too small for two is refused in one line."""
    given = judged.read(folder)
    queries = [query.model_copy(update={"half": "training"}) for query in given.queries]
    lines = [{"id": item.id, "text": item.text} for item in given.items]
    judged.write(tmp_path, lines, queries, given.grades)
    found = RUN.invoke(app, ["tune", "--set", str(tmp_path)])
    assert found.exit_code == 2
    assert f"{tmp_path.name} has no query in the held-out half" in found.stderr


def test_tuning_reports_both_halves(folder):
    """And cosines, and what would be better."""
    found = RUN.invoke(app, ["tune", "--set", str(folder)])
    assert found.exit_code == 0, found.output
    assert "cosines of semantic of a query's text with concept:" in found.stdout
    for half in ("training", "held-out"):
        for title in ("now", "tuned", "difference"):
            assert f"nDCG@10, {half}, {title}: " in found.stdout
    assert ("better, WEIGHTS in searches" in found.stdout) != ("as good" in found.stdout)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--fusion", "sum"], "no fusion 'sum'; there are auto, linear, product, rrf, dbsf"),
        (["--set", "/no/such/folder"], "/no/such/folder/manifest.jsonl"),
        (["--index-url", "ftp://x"], "ftp://x"),
    ],
)
def test_what_can_not_be_evaluated_is_an_error(folder, arguments, reason):
    """In one line, exit code 2."""
    given = [] if "--set" in arguments else ["--set", str(folder)]
    found = RUN.invoke(app, ["evaluate", "search", *given, *arguments])
    assert found.exit_code == 2, found.output
    assert reason in found.stderr


def test_without_the_corpus_nothing_is_measured(monkeypatch):
    """Exit code 1, with the reason."""

    def unavailable(*, speech):
        raise CorpusUnavailable("apt is not here")

    monkeypatch.setattr(relevance.stamps, "judged_stamps", unavailable)
    for command in (["evaluate", "search"], ["tune"]):
        found = RUN.invoke(app, command)
        assert found.exit_code == 1
        assert "apt is not here" in found.stderr


def test_the_page_of_fusion_is_made_of_what_was_measured(tmp_path):
    """A figure that was changed by hand is made anew, and a plot that is missing."""
    page = (DOCS / files.PAGE).read_text("utf-8")
    shutil.copy(DOCS / files.JSON, tmp_path)
    (tmp_path / files.PAGE).write_text(page.replace("| sum |", "| total |"), "utf-8")
    command = ["evaluate", "fusion", "--write", str(tmp_path), "--only", "page"]
    found = RUN.invoke(app, command)
    assert found.exit_code == 0, found.output
    assert (tmp_path / files.PAGE).read_text("utf-8") == page
    for picture in (DOCS / files.IMAGES).glob("fusion-*.svg"):
        assert (tmp_path / files.IMAGES / picture.name).read_bytes() == picture.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--only", "patterns"], "--only goes with --write"),
        (["--write", ".", "--only", "cells"], "no 'cells'; there are patterns, judged, costs"),
        (["--write", "/no/such/folder", "--only", "page"], "/no/such/folder"),
    ],
)
def test_what_can_not_be_written_is_an_error(arguments, reason):
    """Before anything is measured."""
    found = RUN.invoke(app, ["evaluate", "fusion", *arguments])
    assert found.exit_code == 2, found.output
    assert reason in found.stderr
