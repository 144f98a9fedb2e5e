"""Keys: what they may do, how they are kept, and when others hear of it."""

import json
import threading
import uuid

import pytest

from triptych.core.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    StoreUnavailable,
    Unauthorized,
)
from triptych.core.settings import Settings
from triptych.gateway.keyring import BOOTSTRAP, FOLDER, Key, Keyring
from triptych.media.store import MediaStore

ADMIN_KEY = "a" * 40


class Watch:
    """A clock that a test turns."""

    now = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def watch() -> Watch:
    """Of every keyring of a test."""
    return Watch()


@pytest.fixture
def store() -> MediaStore:
    """In memory."""
    return MediaStore(f"memory://{uuid.uuid4().hex}")


@pytest.fixture
def make(store, watch):
    """Makes keyrings, each of a gateway of its own."""

    def make(**settings) -> Keyring:
        return Keyring(store, Settings(**settings), clock=watch, timer=watch)

    return make


@pytest.fixture
def keys(make) -> Keyring:
    """The keys of one gateway."""
    return make()


def first(keys: Keyring) -> tuple[Key, str]:
    """A key that may do everything."""
    return keys.create("first", ["admin"], ["*"])


def test_a_key_is_known_by_all_of_it(keys, store):
    """Nothing that is kept tells it, and no other secret will do."""
    key, presented = first(keys)
    assert keys.identify(presented) == key
    (document,) = store.documents(FOLDER)
    kept = store.read_document(FOLDER, document.name).decode()
    secret = presented.rpartition("_")[2]
    assert len(secret) == 48
    assert secret not in kept
    wrong = [
        presented[:-1] + ("0" if presented[-1] != "0" else "1"),
        presented + "0",
        f" {presented}",
        presented.upper(),
        f"tk_{key.id}_",
        f"tk_{'0' * 12}_{secret}",
        key.digest,
        key.id,
        "",
        "tk_../../store_" + secret,
        "\udcff",
    ]
    assert [one for one in wrong if keys.identify(one)] == []


def test_two_keys_are_never_the_same(keys):
    """Neither by id nor by secret."""
    key, _ = first(keys)
    made = [keys.create("n", ["read"], ["*"], maker=key)[1] for _ in range(20)]
    assert len(set(made)) == len({one.split("_")[1] for one in made}) == 20


@pytest.mark.parametrize(
    ("own", "name", "is_for"),
    [
        (["*"], "zoo", True),
        (["zoo"], "zoo", True),
        (["zoo"], "zoos", False),
        (["zoo*"], "zoos", True),
        (["zoo-*"], "zoo", False),
        (["a", "b*"], "bee", True),
        (["a", "b*"], "c", False),
        (["zoo"], "zoo*", False),
        (["zoo*"], "zoo-*", True),
        (["zoo-*"], "zoo*", False),
        (["zoo*"], "*", False),
    ],
)
def test_names_may_be_beginnings(own, name, is_for):
    """Also where a key is to be made for a beginning."""
    assert Key("i", "n", frozenset({"read"}), tuple(own), "", 0.0).is_for(name) is is_for


def test_admin_includes_every_scope():
    """The others include only themselves."""
    admin = Key("i", "n", frozenset({"admin"}), ("*",), "", 0.0)
    other = Key("i", "n", frozenset({"search", "read"}), ("*",), "", 0.0)
    assert admin.has(("train",))
    assert other.has(("ingest", "read"))
    assert not other.has(("ingest", "admin"))


def test_the_first_key_can_make_others(keys):
    """Else nobody could; while there is none the ring is empty."""
    assert keys.is_empty
    for scopes, collections, seconds in (
        (["read"], ["*"], None), (["admin"], ["a*"], None), (["admin"], ["*"], 60)
    ):  # fmt: skip
        with pytest.raises(InvalidInput, match="first key"):
            keys.create("n", scopes, collections, seconds=seconds)
    assert keys.is_empty
    first(keys)
    assert not keys.is_empty


def test_there_is_one_first_key(make):
    """Also where a gateway has not heard of it yet, for which everybody may do everything."""
    here, there = make(), make()
    assert there.is_empty
    first(here)
    with pytest.raises(Unauthorized, match="by now"):
        first(there)


@pytest.mark.parametrize(
    ("scopes", "collections", "seconds", "may"),
    [
        (["search"], ["team-x"], 50, True),
        (["admin"], ["team-*"], 100, True),
        (["search"], ["team-x"], None, False),
        (["search"], ["team-x"], 101, False),
        (["search"], ["*"], 50, False),
        (["search"], ["team-x", "other"], 50, False),
    ],
)
def test_a_key_makes_none_that_may_more(keys, scopes, collections, seconds, may):
    """Neither by scope, nor by collection, nor by time."""
    maker, _ = keys.create("m", ["admin"], ["team-*"], seconds=100, maker=first(keys)[0])
    if may:
        made, _ = keys.create("n", scopes, collections, seconds=seconds, maker=maker)
        assert made.made_by == maker.id
    else:
        with pytest.raises(Forbidden, match="more"):
            keys.create("n", scopes, collections, seconds=seconds, maker=maker)


def test_a_key_has_an_end(keys, watch):
    """It is still known then, so that its owner can be told."""
    key, _ = first(keys)
    short, presented = keys.create("n", ["read"], ["*"], seconds=60, maker=key)
    assert not short.has_expired(watch() + 59)
    assert short.has_expired(watch() + 60)
    watch.now += 10**6
    assert keys.identify(presented) == short


def test_others_hear_of_it_within_seconds(make, watch):
    """Of a new key at once, almost; of a revoked one after two seconds; its own gateway at once."""
    here, there = make(), make()
    master, _ = first(here)
    assert there.is_empty is False
    key, presented = here.create("n", ["read"], ["*"], maker=master)
    watch.now += 0.3
    assert there.identify(presented) == key
    here.revoke(key.id)
    assert here.identify(presented) is None
    watch.now += 2
    assert there.identify(presented) is None


def test_what_is_unknown_is_not_looked_up_each_time(keys, store, watch, monkeypatch):
    """Else who sends many keys would keep the store busy."""
    first(keys)
    looks = []
    inner = store.documents
    monkeypatch.setattr(store, "documents", lambda folder: looks.append(folder) or inner(folder))
    for number in range(100):
        watch.now += 0.01
        keys.identify(f"tk_{number:012x}_{'0' * 48}")
    assert len(looks) <= 4


def test_the_last_key_that_may_do_everything_stays(keys, make):
    """Unless the settings have another one."""
    key, _ = first(keys)
    with pytest.raises(Conflict, match="last"):
        keys.revoke(key.id)
    other, _ = keys.create("n", ["admin"], ["*"], maker=key)
    keys.revoke(key.id)
    with pytest.raises(Conflict, match="last"):
        keys.revoke(other.id)
    with pytest.raises(NotFound):
        keys.revoke(key.id)
    make(admin_key=ADMIN_KEY).revoke(other.id)


def test_a_setting_is_a_key(make, tmp_path):
    """With its file it is the same; what is too short to be random is refused."""
    keys = make(admin_key=ADMIN_KEY)
    assert not keys.is_empty
    found = keys.identify(ADMIN_KEY)
    assert found == keys.get(BOOTSTRAP)
    assert found.is_master
    assert keys.identify("b" * 40) is None
    assert ADMIN_KEY not in repr(Settings(admin_key=ADMIN_KEY))
    file = tmp_path / "key"
    file.write_text(f"{ADMIN_KEY}\n")
    assert make(admin_key_file=file).identify(ADMIN_KEY) is not None
    file.write_text("")
    with pytest.raises(ValueError, match="32"):
        make(admin_key_file=file)
    with pytest.raises(ValueError, match="32") as error:
        Settings(admin_key="secretly short")
    assert "secretly" not in str(error.value)


def test_a_store_that_is_away_opens_nothing(keys, store, watch, monkeypatch):
    """Neither at the start nor later; what was known is believed for an hour."""

    def away(_: str) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(store, "documents", away)
        for _ in range(2):  # the second one does not even look
            with pytest.raises(StoreUnavailable):
                assert keys.is_empty
    watch.now += 3
    key, presented = first(keys)
    monkeypatch.setattr(store, "documents", away)
    watch.now += 3000
    assert keys.identify(presented) == key
    with pytest.raises(StoreUnavailable):
        keys.create("n", ["read"], ["*"], maker=key)
    watch.now += 3000
    with pytest.raises(StoreUnavailable):
        keys.identify(presented)


def test_a_store_that_is_not_mounted_has_keys(keys, store, watch):
    """Nobody knows which, so nobody is let in."""
    first(keys)
    store._fs.rm(store._root, recursive=True)
    fresh = Keyring(store, Settings(), clock=watch, timer=watch)
    store._marked, store.may_begin = False, lambda: False
    with pytest.raises(StoreUnavailable):
        assert fresh.is_empty


@pytest.mark.parametrize("damaged", [b"", b"{}", b"\xff", b"[]", b"null"])
def test_a_damaged_key_is_none_but_opens_nothing(keys, store, watch, damaged):
    """The others go on."""
    key, presented = first(keys)
    store.write_document(FOLDER, "0123456789ab.json", damaged)
    watch.now += 3
    assert keys.identify(presented) == key
    assert keys.get("0123456789ab") is None
    store.delete_document(FOLDER, f"{key.id}.json")
    watch.now += 3
    assert not keys.is_empty


def test_one_thread_looks_while_the_others_go_on(keys, store, watch, monkeypatch):
    """A slow store holds one request up, not all."""
    key, presented = first(keys)
    begun, go_on = threading.Event(), threading.Event()
    inner = store.documents

    def slow(folder: str):
        begun.set()
        assert go_on.wait(10)
        return inner(folder)

    monkeypatch.setattr(store, "documents", slow)
    watch.now += 3
    thread = threading.Thread(target=keys.identify, args=(presented,))
    thread.start()
    assert begun.wait(10)
    assert keys.identify(presented) == key
    go_on.set()
    thread.join(10)


def test_what_is_too_old_is_waited_for(keys, store, watch, monkeypatch):
    """After a quiet night many requests come at once, and the store answers."""
    key, presented = first(keys)
    begun, go_on = threading.Event(), threading.Event()
    inner, found = store.documents, []

    def slow(folder: str):
        begun.set()
        assert go_on.wait(10)
        return inner(folder)

    monkeypatch.setattr(store, "documents", slow)
    watch.now += 30_000
    threads = [
        threading.Thread(target=lambda: found.append(keys.identify(presented))) for _ in range(3)
    ]
    threads[0].start()
    assert begun.wait(10)
    for thread in threads[1:]:
        thread.start()
    threads[1].join(0.2)
    assert found == []
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert found == [key] * 3


def test_keys_are_kept_as_they_are(keys, store):
    """Every field of a document comes back."""
    key, _ = first(keys)
    assert Key.from_json(key.to_json()) == key
    assert json.loads(key.to_json())["scopes"] == ["admin"]


def test_a_key_with_a_limit_makes_no_others(keys):
    """Each would have a limit of its own, so that together there would be none."""
    limited, _ = keys.create("m", ["admin"], ["*"], per_minute=5, maker=first(keys)[0])
    for per_minute in (1, 5, None):
        with pytest.raises(Forbidden, match="makes no others"):
            keys.create("n", ["read"], ["*"], per_minute=per_minute, maker=limited)
