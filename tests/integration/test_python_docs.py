"""The page on the Python client, executed as it stands."""

import re
import shutil
from pathlib import Path

import pytest

from triptych.client import Client
from triptych.local import Stack

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_page_works(  # noqa: PLR0917
    stack: Stack,
    client: Client,
    collection: str,
    stamps: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    """Every line of it, with pictures of the names that it uses."""
    (tmp_path / "photos").mkdir()
    birds = stamps / "animals" / "birds"
    shutil.copy(birds / "penguin.png", tmp_path / "owl.png")
    shutil.copy(birds / "drake.png", tmp_path / "photos" / "bat.png")
    (tmp_path / "photos" / "bat.txt").write_text("A bat at night.")
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL))
    found = {"gateway": stack.gateway_url, "collection": collection}
    exec(compile(code, str(PAGE), "exec"), found)  # noqa: S102
    assert found["document"]["metadata"] == {"year": 2024}
    assert found["document"]["modalities"] == ["image", "text"]
    assert [hit["id"] for hit in found["answer"]["hits"]] == ["owl"]
    assert found["adding"].skips.counts == {"excluded": 1}
    assert (found["status"].total, found["status"].failed) == (1, 0)
    printed = capsys.readouterr().out
    assert "1 of 1, 0 failed" in printed
    assert "['2023/bat']" in printed
    assert "no item 'owl'" in printed
    assert collection not in {entry["name"] for entry in client.collections()}
