"""``triptych evaluate strategies`` says what is wrong before it fetches or trains anything."""

from importlib.util import find_spec

import pytest
from typer.testing import CliRunner

from triptych.cli.evaluate import app


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--only", "perceptron"], "no 'perceptron'; there are block, mean"),
        (["--what", "everything"], "no 'everything'; there are found"),
    ],
)
def test_unknown_names_are_refused(arguments, reason):
    """With the names that there are."""
    result = CliRunner().invoke(app, ["strategies", *arguments])
    assert result.exit_code == 2
    assert reason in result.stderr


@pytest.mark.skipif(find_spec("tensorflow") is not None, reason="TensorFlow is installed")
def test_without_tensorflow_it_says_how_to_get_it():
    """Instead of a traceback."""
    result = CliRunner().invoke(app, ["strategies", "--only", "block"])
    assert result.exit_code == 2
    assert "requirements/train.txt" in result.stderr
