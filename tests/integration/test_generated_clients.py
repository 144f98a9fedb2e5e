"""Clients that generators make from the OpenAPI document build, and call the gateway."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

CLIENTS = Path(__file__).parents[1] / "clients"
DONE = "every call did what it should"


def run(*command: str | Path, cwd: Path) -> str:
    """What a command prints; fails with it where it fails."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def install(*command: str | Path, cwd: Path) -> None:
    """Run an installer. Where the tool can't be had, the test is skipped, but not on CI."""
    try:
        run(*command, cwd=cwd)
    except (AssertionError, OSError) as error:
        if "CI" in os.environ:
            raise
        pytest.skip(f"the generator can't be installed: {error}")


@pytest.fixture
def description(http: httpx.Client, tmp_path: Path) -> Path:
    """The document as a file."""
    path = tmp_path / "openapi.json"
    path.write_bytes(http.get("/openapi.json").raise_for_status().content)
    return path


def test_python(http: httpx.Client, collection: str, description: Path, tmp_path: Path) -> None:
    """openapi-python-client: every module imports, and all that it warns of is known."""
    uv = (sys.executable, "-m", "uv")
    install(*uv, "venv", "--python", sys.executable, "tools", cwd=tmp_path)
    requirements = CLIENTS / "requirements.txt"
    python = tmp_path / "tools/bin/python"
    install(
        *uv, "pip", "install", "--python", python, "--require-hashes", "-r", requirements,
        cwd=tmp_path,
    )  # fmt: skip
    tools = tmp_path / "tools/bin/openapi-python-client"
    said = run(
        tools, "generate", "--meta", "none", "--path", description,
        "--output-path", "triptych_client", cwd=tmp_path,
    )  # fmt: skip
    # Bodies that are no form and no JSON: the same batch goes as a form, parts by a tus client.
    warnings = said.count("WARNING")
    known = ("POST /v1/collections/{collection}/batches ", "PATCH /v1/uploads/{upload} ")
    assert warnings == sum(said.count(f"WARNING parsing {one}") for one in known), said
    assert warnings == said.count("Unsupported content type "), said
    modules = [
        ".".join(path.relative_to(tmp_path).with_suffix("").parts)
        for path in (tmp_path / "triptych_client").rglob("*.py")
    ]
    run(python, "-c", f"import {', '.join(modules)}", cwd=tmp_path)
    shutil.copy(CLIENTS / "calls.py", tmp_path)
    assert DONE in run(python, "calls.py", str(http.base_url), collection, cwd=tmp_path)


def test_typescript(http: httpx.Client, collection: str, description: Path, tmp_path: Path) -> None:
    """openapi-typescript: the types compile, and so do calls that use them."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    for name in ("package.json", "package-lock.json", "calls.ts"):
        shutil.copy(CLIENTS / name, tmp_path)
    install("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=tmp_path)
    tools = tmp_path / "node_modules/.bin"
    run(tools / "openapi-typescript", description, "-o", "api.d.ts", cwd=tmp_path)
    run(
        tools / "tsc", "--strict", "--target", "es2022", "--module", "nodenext",
        "--lib", "es2022,dom,dom.iterable", "--noUncheckedIndexedAccess", "calls.ts", cwd=tmp_path,
    )  # fmt: skip
    assert DONE in run("node", "calls.js", str(http.base_url), collection, cwd=tmp_path)
