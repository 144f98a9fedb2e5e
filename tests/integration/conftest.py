"""What the end-to-end tests share: a collection of real stamps, and helpers to fill others."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support import Lines, settle, wait_for
from triptych.client import Client
from triptych.corpora import tuxpaint
from triptych.local import Stack, StackOptions, running_stack


@pytest.fixture
def collection() -> str:
    """A collection name of this test alone."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def stamp_lines(stamps: Path) -> Lines:
    """Some 200 stamps: every one with a sound, and the other animals and vehicles."""
    lines = list(tuxpaint.lines(stamps))
    chosen = [
        line
        for line in lines
        if "image" in line and ("audio" in line or line["tags"][0] in {"animals", "vehicles"})
    ]
    assert len(chosen) > 150
    return chosen


@pytest.fixture(scope="session")
def stamp_collection(client: Client, stamp_lines: Lines, http: httpx.Client) -> str:
    """The stamps, ingested over HTTP through every worker."""
    name = f"stamps-{uuid.uuid4().hex[:8]}"
    manifest = "\n".join(map(json.dumps, stamp_lines)).encode()
    batch = client.submit_manifest(name, manifest)["batch"]
    status = wait_for(client, batch)
    assert [entry["errors"] for entry in client.failures(batch)] == []
    assert (status.done, status.failed) == (len(stamp_lines), 0)
    settle(http, name)
    return name


@pytest.fixture(scope="session")
def small_stack(tmp_path_factory: pytest.TempPathFactory, stamps: Path) -> Iterator[Stack]:
    """A stack of its own for tests that kill its gateway, and look at what is in its folder.

    It has no Elasticsearch, and low limits. Its gateway has a folder for temporary files.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("small")))
        options = StackOptions(
            name="small",
            port=0,
            index="embedded",
            import_roots=(stamps,),
            image_workers=1,
            env={
                "TMPDIR": str(tmp_path_factory.mktemp("temporary")),
                "TRIPTYCH_MAX_BODY_BYTES": str(8 * 2**20),
                "TRIPTYCH_MAX_FILE_BYTES": str(2**20),
            },
            keep=False,
        )
        with running_stack(options) as running:
            yield running


@pytest.fixture
def fill(client: Client, http: httpx.Client, collection: str) -> Callable[..., dict[str, Any]]:
    """Send files or manifest lines to the test's collection, wait, and report."""

    def send(
        files: dict[str, bytes] | None = None, manifest: bytes | None = None
    ) -> dict[str, Any]:
        parts = [("files", (name, data)) for name, data in (files or {}).items()]
        if manifest is not None and files is not None:
            parts.append(("manifest", ("manifest.jsonl", manifest)))
        path = f"/v1/collections/{collection}/batches"
        if files is None:
            kind = {"content-type": "application/x-ndjson"}
            response = http.post(path, content=manifest, headers=kind)
        else:
            response = http.post(path, files=parts)
        assert response.status_code == 202, response.text
        accepted = response.json()
        status = wait_for(client, accepted["batch"])
        failures = {entry["id"]: entry for entry in client.failures(accepted["batch"])}
        settle(http, collection)
        return {"accepted": accepted, "status": status, "failures": failures}

    return send
