"""Bodies are on disk until there is memory for them."""

import errno
import os

import pytest

from triptych.core.errors import Busy
from triptych.gateway import bodies
from triptych.gateway.requests import read_body, read_item, read_search

MIB = 2**20


@pytest.fixture
def budget(app, monkeypatch):
    """Of 8 MiB; nobody waits for it."""
    services = app.extensions["triptych"]
    limits = services.engine.settings.limits.model_copy(
        update={"file_bytes": 16 * MIB, "json_bytes": 16 * MIB, "body_bytes": 64 * MIB}
    )
    changes = {"limits": limits, "body_memory": 8 * MIB}
    services.engine.settings = services.engine.settings.model_copy(update=changes)
    app.config["MAX_CONTENT_LENGTH"] = 64 * MIB
    monkeypatch.setattr(bodies, "_SECONDS", 0.0)
    return services.bodies


def form(files):
    """With files of so many MiB."""
    head = '--b\r\nContent-Disposition: form-data; name="{0}"; filename="{0}"\r\n\r\n'
    parts = [head.format(name).encode() + b"x" * size * MIB for name, size in files.items()]
    data = b"\r\n".join([*parts, b"--b--\r\n"])
    return {"data": data, "content_type": "multipart/form-data; boundary=b"}


def free(budget, size):
    """Whether so much is there."""
    try:
        with budget.held(size, of=8 * MIB, seconds=0):
            return True
    except Busy:
        return False


@pytest.mark.parametrize(
    ("read", "files"),
    [
        (read_item, {"image": 3, "audio": 3}),
        (read_search, {"image": 3, "not.image": 3}),
    ],
)
def test_files_of_a_form_are_in_memory_while_its_request_lasts(app, budget, read, files):
    """All of them together."""
    with app.test_request_context("/", method="POST", **form(files)) as context:
        read(context.request)
        assert free(budget, 2 * MIB)
        assert not free(budget, 3 * MIB)
    assert free(budget, 8 * MIB)


def test_json_takes_several_times_its_length(app, budget):
    """As it came, as text, and as media."""
    with app.test_request_context("/", method="POST", data=b"x" * 2 * MIB) as context:
        assert len(read_body(context.request, 4 * MIB)) == 2 * MIB
        assert free(budget, 2 * MIB)
        assert not free(budget, 3 * MIB)
    assert free(budget, 8 * MIB)


def test_who_finds_no_memory_comes_again(app, budget):
    """A large body is told to; a small one needs none of it."""
    with budget.held(8 * MIB, of=8 * MIB, seconds=0):
        large = app.test_request_context("/", method="POST", data=b"x" * MIB)
        with large as context, pytest.raises(Busy):
            read_body(context.request, 4 * MIB)
        with app.test_request_context("/", method="POST", data=b"x" * 1000) as context:
            assert read_body(context.request, 4 * MIB) == b"x" * 1000


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_no_defect(http, monkeypatch, number):
    """It is where bodies are kept while they come, those of forms too."""

    def full(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    for broken in (
        "triptych.gateway.bodies.SpooledTemporaryFile",
        "werkzeug.wrappers.request.default_stream_factory",
    ):
        monkeypatch.setattr(broken, full)
    json = http.post("/v1/collections/c/search", json={"text": "a"})
    files = http.post("/v1/collections/c/search", **form({"image": 0}))
    assert (json.status_code, files.status_code) == (507, 507)
    assert "temporary files" in json.json["detail"]
