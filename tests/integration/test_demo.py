"""The demonstration does what the README promises."""

import os
import subprocess
import sys
from pathlib import Path

from triptych.cli import demo, sample
from triptych.local import Stack


def test_demo_once(stamps: Path, tmp_path: Path):
    """``triptych demo --once`` answers its five questions and leaves no data folder in use."""
    command = [sys.executable, "-m", "triptych.cli.main", "demo", "--once", "--port", "0"]
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path), "COLUMNS": "160"}
    done = subprocess.run(
        [*command, "--name", "demo-test"],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("✓") == 5
    assert "951 items" in done.stdout


def test_sample_takes_its_place(stack: Stack, import_root: Path):
    """The self-made sample answers its questions too."""
    assert demo.show(stack, sample.corpus(import_root))
