"""Training works in an environment of exactly its lock: tests/training is run there."""

import os
import subprocess

import pytest

from environments import ROOT, container_env, install_project, install_pytest, make

# An environment that the cache does not have takes minutes.
pytestmark = pytest.mark.timeout(1800)


def test_training_in_an_environment_of_its_lock(tmp_path):
    """Every test of training, with nothing but the lock, the project and pytest."""
    python = make(["train"])["train"] / "bin/python"
    project, tools = tmp_path / "project", tmp_path / "tools"
    install_project(project)
    install_pytest(tools)
    env = {**os.environ, **container_env(project, tmp_path)}
    env["PYTHONPATH"] = os.pathsep.join(map(str, (project, tools)))
    tests = ROOT / "tests/training"
    how = ("-q", "-p", "no:cacheprovider", "--confcutdir", str(tests))
    done = subprocess.run(
        [python, "-m", "pytest", *how, str(tests)],
        env=env, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
