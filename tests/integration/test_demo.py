"""The demonstration does what the README promises."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from triptych.cli import demo, sample
from triptych.local import Stack


def test_demo_once(stamps: Path, tmp_path: Path):
    """``triptych demo --once`` answers its five questions, without Java, and leaves no data."""
    command = [sys.executable, "-m", "triptych.cli.main", "demo", "--once", "--port", "0"]
    environment = {
        **os.environ,
        "XDG_DATA_HOME": str(tmp_path),
        "COLUMNS": "160",
        "JAVA_HOME": str(tmp_path),
        "PATH": "/nowhere",
    }
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
    assert "elasticsearch" not in done.stdout
    assert not (tmp_path / "triptych/stacks/demo-test").exists()


def test_ctrl_c_stops_it_in_the_middle(stamps: Path, tmp_path: Path):
    """While it ingests, too: the stack is stopped and its data deleted."""
    command = [sys.executable, "-m", "triptych.cli.main", "demo", "--port", "0", "--name", "stop"]
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    deadline = time.monotonic() + 200
    while b"gateway: ready" not in (output := (tmp_path / "out").read_bytes()):
        assert process.poll() is None, output.decode()
        assert time.monotonic() < deadline, output.decode()
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    output = (tmp_path / "out").read_text()
    assert output.endswith("stopped\n")
    assert "items in" not in output
    assert not (tmp_path / "triptych/stacks/stop").exists()


def test_sample_takes_its_place(stack: Stack, import_root: Path):
    """The self-made sample answers its questions too."""
    assert demo.show(stack, sample.corpus(import_root))
