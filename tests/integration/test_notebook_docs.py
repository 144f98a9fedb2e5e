"""The page on the engine in a notebook, executed as it stands: first in process, then served."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from triptych.client import Client

PAGE = (Path(__file__).parents[2] / "docs" / "notebook.md").read_text("utf-8")
TRIPTYCH = (sys.executable, "-m", "triptych.cli.main")


@pytest.fixture
def folder(stamps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the files that the page names."""
    (tmp_path / "holiday").mkdir()
    birds = stamps / "animals" / "birds"
    shutil.copy(birds / "penguin.png", tmp_path / "owl.png")
    shutil.copy(birds / "drake.png", tmp_path / "holiday" / "bat.png")
    (tmp_path / "holiday" / "bat.txt").write_text("A bat at night.")
    (tmp_path / "holiday" / "notes.doc").write_text("no item")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run([*TRIPTYCH, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_works(folder: Path, capsys: pytest.CaptureFixture[str]):
    """Every line of it; a stack then serves what the notebook has added, and adds to it."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code, "notebook.md", "exec"), names)  # noqa: S102
    printed = capsys.readouterr().out
    assert "1 of 1 items" in printed
    assert "notes.doc (skipped): of no known kind by its extension" in printed
    report = names["report"]
    assert (report.total, report.done, report.failed) == (2, 2, 1)
    (failure,) = report.failures
    assert (failure.id, failure.status) == ("lost", "failed")
    assert "No such file" in failure.errors["image"]
    assert names["answer"].hits[0].id == "owl"
    assert "['birds']" in printed

    up, search, down = (
        line.split()[1:] for line in re.search(r"```sh\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()
    )
    assert (search[0], down[0]) == ("search", "down")
    run(*up, "--port", "0")
    try:
        status = json.loads(run("status", "--data", "shelf", "--json"))
        assert (status["index"], Path(status["home"])) == ("embedded", folder / "shelf")
        port = next(part["port"] for part in status["parts"] if part["name"] == "gateway")
        with Client(f"http://127.0.0.1:{port}") as client:
            assert [hit["id"] for hit in client.search("photos", {"text": "night"})["hits"]] == [
                "holiday/bat"
            ]
            client.add_item("photos", {"id": "fox", "text": "A fox at night."}, wait=30)
            hits = client.search("photos", {"text": "night"})["hits"]
            assert {hit["id"] for hit in hits} == {"holiday/bat", "fox"}
    finally:
        run(*down)
