"""A gateway with keys, of two processes: every operation, with each scope, and with none."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from triptych.client import Client, ClientError
from triptych.core.settings import Settings
from triptych.gateway.access import Needs, needed_by
from triptych.gateway.app import create_app
from triptych.gateway.keyring import SCOPES
from triptych.gateway.services import Services
from triptych.local import Stack, StackOptions, running_stack

MASTER = "master-0123456789abcdef0123456789abcdef"
OWN, FOREIGN = "zoo", "bank"
NAMES = {
    "collection": OWN, "item": "nobody", "batch": "0" * 32, "upload": f"{'0' * 32}-5",
    "model": f"fusion@{'0' * 16}", "modality": "text", "key": "0" * 12,
    "digest": "0" * 16, "name": "page.css",
}  # fmt: skip
REFUSED = {401, 403}


def operations() -> Iterator[Any]:
    """Every method of every route, with what it declares."""
    app = create_app(cast("Services", SimpleNamespace(engine=SimpleNamespace(settings=Settings()))))
    for rule in app.url_map.iter_rules():
        if rule.rule == "/login":  # says 401 to what is no key: tests/unit/gateway/test_sessions.py
            continue
        path = re.sub(r"<(?:\w+(?:\(.*?\))?:)?(\w+)>", r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            needed = needed_by(app.view_functions[rule.endpoint])
            yield pytest.param(method, path, needed, id=f"{method} {path}")


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A gateway of two processes, and queues without workers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("keyed")))
        options = StackOptions(
            name="keyed",
            port=0,
            index="embedded",
            parts=("valkey", "gateway"),
            env={"TRIPTYCH_ADMIN_KEY": MASTER, "TRIPTYCH_GATEWAY_WORKERS": "2"},
            keep=False,
        )
        with running_stack(options) as running:
            yield running


@pytest.fixture(scope="module")
def master(keyed: Stack) -> Iterator[Client]:
    """A client that may do everything."""
    with Client(keyed.gateway_url, key=MASTER) as connected:
        for name in (OWN, FOREIGN):
            connected.create_collection(name)
        yield connected


@pytest.fixture(scope="module")
def keys(master: Client) -> dict[str, str]:
    """A key of each scope for one collection, and one that may do all in another."""
    made = {scope: master.create_key(scope, [scope], [OWN])["key"] for scope in SCOPES}
    made["foreign"] = master.create_key("foreign", ["admin"], [FOREIGN])["key"]
    made["all"] = master.create_key("all", SCOPES[:-1])["key"]
    time.sleep(2.1)  # now both processes know them
    return made


def ask(stack: Stack, key: str | None, method: str, path: str, **options: Any) -> httpx.Response:
    """One request, on a connection of its own, so to any of the processes."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return httpx.request(
        method, f"{stack.gateway_url}{path}", headers={**headers, **options.pop("headers", {})},
        timeout=60, verify=False, **options,  # noqa: S501 - plain HTTP: to load certificates is slow
    )  # fmt: skip


def wants_a_key(answer: httpx.Response) -> bool:
    """Whether it is said that one is needed; pages lead to the form, as signing out does (303)."""
    leads = answer.headers.get("location", "").startswith("/login")
    return answer.status_code == 401 or (leads and answer.status_code != 303)


@pytest.mark.parametrize(("method", "path", "needed"), list(operations()))
def test_each_operation_wants_its_scope(
    keyed: Stack, keys: dict[str, str], method: str, path: str, needed: Needs
) -> None:
    """With any other it is refused, whatever is sent; and without a key, but for what is open."""
    filled = path.format(**NAMES)
    body = {"json": {}} if method in {"POST", "PUT"} else {}
    for key in (None, "tk_forged", f"{keys['admin'][:-1]}x"):
        answer = ask(keyed, key, method, filled, **body)
        assert wants_a_key(answer) is bool(needed.scopes), answer.text
    for scope in SCOPES:
        allowed = not needed.scopes or (not needed.whole and scope in {*needed.scopes, "admin"})
        answer = ask(keyed, keys[scope], method, filled, **body)
        assert (answer.status_code not in REFUSED) is allowed, (scope, answer.text)
    if needed.whole and "admin" not in needed.scopes:
        assert ask(keyed, keys["all"], method, filled, **body).status_code not in REFUSED
    if "{collection}" in path:
        texts = set()
        for name in (OWN, "nothere"):
            answer = ask(
                keyed, keys["foreign"], method, path.format(**{**NAMES, "collection": name}), **body
            )
            assert answer.status_code == 403
            texts.add(answer.text.replace(name, "X"))
        assert len(texts) == 1


def test_lists_have_what_is_theirs(keyed: Stack, master: Client, keys: dict[str, str]) -> None:
    """Collections and batches of others are in none, and nothing can be done with them."""
    master.create_collection(OWN)
    master.create_collection(FOREIGN)
    batches = {
        name: master.submit_manifest(name, b'{"id": "a", "text": "a cat"}\n')["batch"]
        for name in (OWN, FOREIGN)
    }
    upload = master.begin_upload(5, "secret.zip")
    with Client(keyed.gateway_url, key=keys["read"]) as reader:
        assert [one["name"] for one in reader.collections()] == [OWN]
        assert [one.batch for one in reader.batches()] == [batches[OWN]]
        assert reader.batches(FOREIGN) == []
        assert reader.batch(batches[OWN]).collection == OWN
    with Client(keyed.gateway_url, key=keys["ingest"]) as sender:
        for act in (sender.batch, sender.pause, sender.resume, sender.cancel, sender.retry):
            for batch in (batches[FOREIGN], "f" * 32):
                with pytest.raises(ClientError, match=f"no batch '{batch}'") as error:
                    act(batch)
                assert error.value.status == 404
        with pytest.raises(ClientError, match="no upload") as error:
            sender.submit_upload(OWN, upload)
        assert error.value.status == 404
        assert sender.pause(batches[OWN]).state == "paused"
    for path in (
        f"/v1/batches/{batches[FOREIGN]}/events",
        f"/v1/batches/{batches[FOREIGN]}/failures",
    ):
        assert ask(keyed, keys["read"], "GET", path).status_code == 404
    assert master.batch(batches[FOREIGN]).state == "running"


def test_a_revoked_key_is_of_no_use_within_seconds(keyed: Stack, master: Client) -> None:
    """At any process; and a key that has expired from that second on."""
    made = master.create_key("short", ["read"], [OWN])
    short = master.create_key("brief", ["read"], [OWN], expires_in=4)
    time.sleep(0.5)
    for _ in range(10):
        assert ask(keyed, made["key"], "GET", "/v1/limits").status_code == 200
        assert ask(keyed, short["key"], "GET", "/v1/limits").status_code == 200
    master.revoke_key(made["id"])
    time.sleep(2.2)
    assert {ask(keyed, made["key"], "GET", "/v1/limits").status_code for _ in range(20)} == {401}
    time.sleep(2)
    assert {ask(keyed, short["key"], "GET", "/v1/limits").status_code for _ in range(20)} == {401}


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """``triptych`` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "triptych.cli.main", *arguments],
        env={**os.environ, **environ}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_the_command_line_makes_and_revokes_keys(keyed: Stack, tmp_path: Any) -> None:
    """The secret is alone on standard output. Without a key it is said how to get one."""
    there = {"TRIPTYCH_URL": keyed.gateway_url}
    refused = run("collections", **there)
    assert refused.returncode == 2
    assert "TRIPTYCH_KEY" in refused.stderr
    file = tmp_path / "key"
    file.write_text(MASTER)
    made = run("--key-file", str(file), "keys", "create", "phone", "-c", "zoo*", **there)
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert key not in made.stderr
    there["TRIPTYCH_KEY"] = key
    assert run("collections", **there).returncode == 0
    assert run("keys", "list", **there).returncode == 2
    listed = run("keys", "list", **{**there, "TRIPTYCH_KEY": MASTER})
    row = next(line for line in listed.stdout.splitlines() if "phone" in line)
    assert row.split("\t")[1:] == ["phone", "read, search", "zoo*", "never"]
    assert key not in listed.stdout
    gone = run("keys", "revoke", row.split("\t")[0], **{**there, "TRIPTYCH_KEY": MASTER})
    assert gone.returncode == 0, gone.stderr


def test_a_key_sends_no_more_than_it_may(keyed: Stack, master: Client) -> None:
    """All of a minute's worth at once, at any process, then one when its time has come."""
    slow = master.create_key("slow", ["read", "search"], [OWN], per_minute=30)["key"]
    time.sleep(0.5)
    answers = [ask(keyed, slow, "GET", "/v1/limits") for _ in range(31)]
    statuses = [one.status_code for one in answers]
    assert statuses[:30] == [200] * 30
    left = [int(re.findall(r"r=(\d+)", one.headers["ratelimit"])[0]) for one in answers[:30]]
    assert left[0] == 29
    assert left == sorted(left, reverse=True)
    while answers[-1].status_code == 200:  # it took longer than two seconds
        answers.append(ask(keyed, slow, "GET", "/v1/limits"))
    refused = answers[-1]
    assert (refused.status_code, refused.json()["type"]) == (
        429,
        "urn:triptych:problem:rate-limited",
    )
    assert 1 <= int(refused.headers["retry-after"]) <= 3
    time.sleep(int(refused.headers["retry-after"]))
    assert ask(keyed, slow, "GET", "/v1/limits").status_code == 200
    assert "ratelimit" not in ask(keyed, MASTER, "GET", "/v1/limits").headers
