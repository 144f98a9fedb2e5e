"""The command itself: light, and clear about what it lacks."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from triptych.cli import lazy
from triptych.cli.main import COMMANDS, app

HEAVY = (
    "cv2", "numpy", "librosa", "soundfile", "onnxruntime", "sklearn", "nltk", "elasticsearch",
    "celery", "redis", "flask", "fsspec", "msgpack", "orjson",
)  # fmt: skip
"""What a client alone does not need."""
RUN = CliRunner()


def loaded_by(code: str) -> set[str]:
    """The heavy modules that are imported when a fresh interpreter has run this code."""
    report = f"\nimport sys; print('loaded', *({set(HEAVY)!r} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", code + report], capture_output=True, text=True, check=True
    )
    name, *modules = done.stdout.splitlines()[-1].split()
    assert name == "loaded"
    return set(modules)


@pytest.mark.parametrize("arguments", [["--help"], ["search", "--help"], ["add", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    """Of all commands, and of those that a client alone has."""
    code = f"from triptych.cli.main import app\napp({arguments!r}, standalone_mode=False)"
    assert loaded_by(code) == set()


def test_the_client_imports_nothing_heavy():
    """It is used in programs that have libraries of their own."""
    assert loaded_by("import triptych.client") == set()


@pytest.mark.parametrize(
    "module", ["triptych.engine", "triptych.gateway.app", "triptych.workers.worker"]
)
def test_the_product_does_not_import_its_tools(module):
    """Corpora and evaluation are imported by the commands that run them."""
    code = f"""import sys, {module}
tools = ("triptych.corpora", "triptych.evaluation")
assert not [name for name in sys.modules if name.startswith(tools)]"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_help_of_a_command_is_its_own(command):
    """The line that is shown before it is imported is the one that it has."""
    assert lazy.load(command).help.partition("\n")[0] == command.help


def test_a_command_without_its_libraries_says_what_to_install(monkeypatch):
    """With the exit code of a wrong use; what is missing of ours is a defect."""

    def missing(_):
        raise ModuleNotFoundError("No module named 'cv2.data'", name="cv2.data")

    monkeypatch.setattr(lazy, "load", missing)
    shown = RUN.invoke(app, ["demo"])
    assert shown.exit_code == 2
    assert shown.stderr == (
        "error: `triptych demo` needs cv2.data: pip install 'triptych[local]'\n"
    )

    def broken(_):
        raise ModuleNotFoundError("No module named 'triptych.old'", name="triptych.old")

    monkeypatch.setattr(lazy, "load", broken)
    assert isinstance(RUN.invoke(app, ["demo"]).exception, ModuleNotFoundError)


def test_every_extra_is_one_of_the_package():
    """So that what is told can be installed."""
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8")
    for command in COMMANDS:
        assert f"\n{command.extra} = [" in project


def test_an_empty_folder_is_told_of(tmp_path):
    """In one line instead of a report of no items; exit code 1."""
    result = RUN.invoke(app, ["add", str(tmp_path)])
    assert result.exit_code == 1
    assert "nothing to add" in result.stderr
    assert "items at" not in result.stdout
