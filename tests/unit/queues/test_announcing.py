"""Ends of batches are told: to a real receiver that takes them, refuses, hangs, or drips."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from receiver import SECRET, Receiver, drip, hang, receiving
from triptych.core.errors import StoreUnavailable
from triptych.core.settings import Webhook
from triptych.ingest.ledger import ANNOUNCED
from triptych.media.store import MediaStore
from triptych.queues import webhook as module
from triptych.queues.announcing import Announcer, announce, wake
from triptych.queues.webhook import Notice, signature

BODY = '{"batch":"b","state":"done"}'
API = Path(__file__).parents[3] / "docs" / "api.md"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """It says 204 when it is told nothing else."""
    with receiving() as made:
        yield made


class Redis:
    """Claims and counts, in this process."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}
        self.events: list[str] = []

    def set(self, key: str, value: int, **_: object) -> bool | None:
        """Only if it is not there."""
        if key in self.keys:
            return None
        self.keys[key] = value
        return True

    def delete(self, key: str) -> None:
        """As Redis does."""
        self.keys.pop(key, None)

    def pipeline(self, **_: object) -> "Redis":
        """Itself."""
        return self

    def hincrby(self, _: str, event: str, number: int) -> None:
        """Count an event."""
        self.events += [event] * number

    def execute(self) -> None:
        """Done already."""


@dataclass
class Scene:
    """An announcer whose clock stands still until it is moved."""

    announcer: Announcer
    now: float = 1_700_000_000.0

    def owed(self) -> list[Notice]:
        """What is still to be told."""
        store = self.announcer.store
        names = [one.name for one in store.documents(ANNOUNCED)]
        return [Notice.from_json(store.read_document(ANNOUNCED, name)) for name in names]


@pytest.fixture
def scene(tmp_path: Path, receiver: Receiver) -> Scene:
    """One end that is to be told."""
    store = MediaStore(tmp_path.as_uri())
    hook = Webhook(url=receiver.url, secret=SECRET)
    made = Scene(Announcer(store, Redis(), hook, clock=lambda: made.now))
    announce(store, Notice("b", BODY, ended=made.now))
    return made


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What is logged."""
    with structlog.testing.capture_logs() as found:
        yield found


def documented() -> Callable[[dict[str, str], bytes, str], bool]:
    """The function of the documentation that checks a webhook."""
    (code,) = re.findall(r"```python\n(.*?)```", API.read_text("utf-8"), re.DOTALL)
    found: dict[str, Any] = {}
    exec(compile(code, str(API), "exec"), found)  # noqa: S102
    return found["is_genuine"]


def test_the_signature_is_that_of_the_specification():
    """An example of its reference libraries; one for each key while a secret is changed."""
    keys = Webhook(url="http://x", secret=SECRET).keys
    name, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature(keys, name, 1614265330, body) == expected
    both = signature([b"x" * 24, *keys], name, 1614265330, body)
    assert (both.count("v1,"), both.split()[1]) == (2, expected)


def test_an_end_is_told_once(scene, receiver):
    """Signed, so that the documentation's function takes it, and nothing that is not so."""
    scene.now = time.time()
    scene.announcer.tell()
    scene.announcer.tell()
    ((headers, body),) = receiver.came
    assert body.decode() == BODY
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == "batch-ended-b"
    is_genuine = documented()
    assert is_genuine(headers, body, SECRET)
    assert not is_genuine(headers, body + b" ", SECRET)
    assert not is_genuine(headers, body, "whsec_" + "A" * 32)
    assert not is_genuine({**headers, "webhook-id": "other"}, body, SECRET)
    old = {**headers, "webhook-timestamp": str(int(scene.now) - 600)}
    assert not is_genuine(old, body, SECRET)
    assert scene.owed() == []
    assert scene.announcer.redis.events == ["plan announced"]
    assert scene.announcer.redis.keys == {}


@pytest.mark.parametrize("status", [500, 404, 302, 429])
def test_what_was_not_taken_is_told_again(scene, receiver, logs, status):
    """Under the same id, after pauses that grow; a redirect is not followed."""
    receiver.answers += [status, status]
    pauses = []
    for _ in range(2):
        scene.announcer.tell()
        pauses.append(scene.owed()[0].due - scene.now)
        scene.announcer.tell()  # not due
        scene.now += pauses[-1]
    scene.announcer.tell()
    assert pauses == ([90, 90] if status == 429 else [30, 60])
    assert len(receiver.came) == 3
    assert {headers["webhook-id"] for headers, _ in receiver.came} == {"batch-ended-b"}
    assert len({headers["webhook-timestamp"] for headers, _ in receiver.came}) == 3
    assert scene.owed() == []
    assert scene.announcer.redis.events == ["plan not_announced"] * 2 + ["plan announced"]
    assert [(one["reason"], one["tries"]) for one in logs] == [
        (f"HTTP {status}", 1), (f"HTTP {status}", 2),
    ]  # fmt: skip
    assert "token-in-path" not in json.dumps(logs)
    assert SECRET not in json.dumps(logs)


def test_pauses_double_up_to_four_hours():
    """For as long as it takes."""
    notice, pauses = Notice("b", BODY, ended=0.0), []
    for _ in range(30):
        notice = notice.later(0.0)
        pauses.append(notice.due)
    assert pauses[:4] == [30, 60, 120, 240]
    assert max(pauses) == pauses[-1] == 4 * 3600


def test_a_clock_that_was_set_back_delays_nothing(scene, receiver):
    """The next try seems to be days away."""
    receiver.answers += [500]
    scene.announcer.tell()
    scene.now -= 5 * 86_400
    scene.announcer.tell()
    assert (len(receiver.came), scene.owed()) == (2, [])


def test_an_end_is_given_up_at_last(scene, receiver, logs):
    """After the time of the settings, or at once where the receiver wants no more of it."""
    receiver.answers += [500, 410]
    scene.now += scene.announcer.webhook.seconds + 1
    scene.announcer.tell()
    announce(scene.announcer.store, Notice("c", BODY, ended=scene.now))
    scene.announcer.tell()
    assert scene.owed() == []
    assert scene.announcer.redis.events == ["plan never_announced"] * 2
    assert [(one["log_level"], one["batch"]) for one in logs] == [("error", "b"), ("error", "c")]


@pytest.mark.parametrize("answer", [hang, drip], ids=["hangs", "drips"])
def test_a_slow_receiver_is_left(scene, receiver, monkeypatch, answer):
    """In time; the others wait, since it is the same for all of them."""
    monkeypatch.setattr(module, "_SECONDS", 0.5)
    monkeypatch.setattr(module, "_WHOLE_SECONDS", 0.8)
    announce(scene.announcer.store, Notice("c", BODY, ended=scene.now))
    receiver.answers += [answer]
    began = time.monotonic()
    scene.announcer.tell()
    assert time.monotonic() - began < 2
    assert len(receiver.came) == 1
    assert sorted(one.tries for one in scene.owed()) == [0, 1]
    scene.announcer.tell()
    assert [headers["webhook-id"] for headers, _ in receiver.came[1:]] == ["batch-ended-c"]


def test_a_receiver_that_is_away_loses_nothing(scene, receiver):
    """Nobody listens at its port."""
    away = Announcer(
        scene.announcer.store,
        scene.announcer.redis,
        Webhook(url="http://127.0.0.1:9/", secret=SECRET),
        scene.announcer.clock,
    )
    away.tell()
    assert [one.tries for one in scene.owed()] == [1]
    scene.now += 30
    scene.announcer.tell()
    assert (len(receiver.came), scene.owed()) == (1, [])


def test_two_planners_do_not_tell_the_same(scene, receiver):
    """One has claimed it."""
    claims = scene.announcer.redis.keys
    claims["triptych:announce:b.json"] = 1
    scene.announcer.tell()
    assert receiver.came == []
    claims.clear()
    scene.announcer.tell()
    assert len(receiver.came) == 1


def test_a_store_that_is_away_is_not_empty(scene, tmp_path):
    """What is owed is told when it is back."""
    (tmp_path / "store.json").rename(tmp_path / "aside")
    (tmp_path / ANNOUNCED).rename(tmp_path / "away")
    with pytest.raises(StoreUnavailable):
        scene.announcer.tell()


def test_waking_needs_no_redis():
    """The next look finds it."""
    import redis

    wake(redis.Redis(port=9, socket_connect_timeout=1))
