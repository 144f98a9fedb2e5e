"""Settings that no process could start with."""

import pytest

from triptych.local import StackOptions
from triptych.local.run import up


@pytest.mark.parametrize(
    ("name", "value"), [("VISUAL", "nothing"), ("VISUL", "conse"), ("KEYWORDS", "minilm")]
)
def test_a_wrong_encoder_is_told_before_anything_starts(tmp_path, monkeypatch, name, value):
    """In one line with the name of the setting; the exit code is 2."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    said: list[str] = []
    options = StackOptions(name="wrong", port=0, env={f"TRIPTYCH_ENCODER_{name}": value})
    assert up(options, say=said.append) == 2
    (line,) = said
    assert line.startswith(f"error: TRIPTYCH_ENCODER_{name}")
    assert not list(tmp_path.rglob("*.log"))
