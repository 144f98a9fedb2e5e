"""Settings come from variables of one prefix."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from triptych.core.settings import Limits, Settings, cache_home, data_home


def test_variables_are_named_after_the_fields(monkeypatch):
    """TRIPTYCH_ for places, TRIPTYCH_MAX_ for limits."""
    monkeypatch.setenv("TRIPTYCH_REDIS_URL", "redis://elsewhere/1")
    monkeypatch.setenv("TRIPTYCH_CHUNK_ITEMS", "7")
    monkeypatch.setenv("TRIPTYCH_MAX_FILE_BYTES", "99")
    found = Settings()
    assert (found.redis_url, found.chunk_items, found.limits.file_bytes) == (
        "redis://elsewhere/1",
        7,
        99,
    )


def test_import_roots_are_separated_by_colons(monkeypatch, tmp_path):
    """Resolved, empty ones skipped; none by default."""
    assert Settings().import_roots == ()
    monkeypatch.setenv("TRIPTYCH_IMPORT_ROOTS", f"{tmp_path}/a/../b:: {tmp_path}".replace(" ", ""))
    assert Settings().import_roots == (tmp_path.resolve() / "b", tmp_path.resolve())


def test_trusted_hosts_are_separated_by_commas(monkeypatch):
    """Any host by default."""
    assert Settings().trusted_hosts == ()
    monkeypatch.setenv("TRIPTYCH_TRUSTED_HOSTS", "localhost, .example.org,")
    assert Settings().trusted_hosts == ("localhost", ".example.org")


def test_fetch_hosts_are_separated_by_commas(monkeypatch):
    """None by default."""
    assert Settings().fetch_hosts == ()
    monkeypatch.setenv("TRIPTYCH_FETCH_HOSTS", "example.org, localhost:8000,")
    assert Settings().fetch_hosts == ("example.org", "localhost:8000")


@pytest.mark.parametrize(
    "bad",
    [{"chunk_items": 0}, {"chunk_items": 257}, {"index_prefix": "A"}, {"lease": 0}],
)
def test_values_that_can_not_work_are_refused(bad):
    """At the start, not at the first item."""
    with pytest.raises(ValidationError):
        Settings(**bad)


def test_limits_are_positive():
    """A limit of nothing is a mistake."""
    for name in Limits.model_fields.keys() - {"collection_items"}:  # of which nothing means any
        with pytest.raises(ValidationError):
            Limits(**{name: 0})


def test_folders_follow_the_desktop_specification(monkeypatch):
    """Data and cache, with and without the variables."""
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert (data_home(), cache_home()) == (Path("/data/triptych"), Path("/cache/triptych"))
    assert Settings().media_url == "file:///data/triptych/media"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert data_home() == Path("/home/someone/.local/share/triptych")
    assert cache_home() == Path("/home/someone/.cache/triptych")


SECRET = "whsec_" + "A" * 32


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"url": "http://example.org/hook"}, "needs TRIPTYCH_WEBHOOK_SECRET"),
        ({"url": "ftp://example.org", "secret": SECRET}, "https://"),
        ({"url": "file:///etc/passwd", "secret": SECRET}, "https://"),
        ({"url": "http://", "secret": SECRET}, "https://"),
        ({"url": "http://example.org", "secret": "whsec_" + "A" * 20}, "24 to 64 bytes"),
        ({"url": "http://example.org", "secret": "whsec_" + "A" * 100}, "24 to 64 bytes"),
        ({"url": "http://example.org", "secret": "hunter2 é"}, "24 to 64 bytes"),
        ({"url": "http://example.org", "secret": SECRET, "seconds": 0}, "greater than"),
    ],
)
def test_a_webhook_that_can_not_work_is_refused(monkeypatch, values, reason):
    """Where the process starts, and without telling the secret."""
    for name, value in values.items():
        monkeypatch.setenv(f"TRIPTYCH_WEBHOOK_{name.upper()}", str(value))
    with pytest.raises(ValidationError, match=reason) as error:
        Settings()
    assert "AAAA" not in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_webhook_has_a_secret_that_is_not_shown(monkeypatch):
    """Or two, while it is changed; the host may be shown, the rest of the URL not."""
    assert (Settings().webhook.url, Settings().webhook.keys) == ("", ())
    monkeypatch.setenv("TRIPTYCH_WEBHOOK_URL", "https://user:pass@example.org:8000/a?token=b")
    monkeypatch.setenv("TRIPTYCH_WEBHOOK_SECRET", f"{SECRET} whsec_{'B' * 40}")
    found = Settings()
    assert [len(key) for key in found.webhook.keys] == [24, 30]
    assert found.webhook.host == "example.org"
    assert "AAAA" not in repr(found)
    assert "BBBB" not in repr(found)


def test_no_key_looks_like_a_search_token():
    """It would be read as one."""
    with pytest.raises(ValidationError, match="tt_"):
        Settings(admin_key=f"tt_{'m' * 40}")
