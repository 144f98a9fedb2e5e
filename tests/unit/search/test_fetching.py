"""Media by URL, from a real server that is not always nice."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from triptych.core.errors import InvalidInput, MediaError, TooLarge
from triptych.media import fetching
from triptych.media.fetching import fetch, is_url
from triptych.search.request import SearchRequest


class Handler(BaseHTTPRequestHandler):
    """Answers by the path."""

    asked: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        """One of several kinds of answers."""
        self.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        match self.path:
            case "/good":
                self._send(200, b"x" * 100)
            case "/moved":
                self._send(302, b"", location="/good")
            case "/packed":
                self._send(200, b"\x1f\x8b", content_encoding="gzip")
            case "/endless":
                self.send_response(200)
                self.end_headers()
                while True:
                    self.wfile.write(b"x" * 60)
                    time.sleep(0.01)
            case "/hesitant":
                self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                for number in range(500):
                    self.wfile.write(b"X-%d: 1\r\n" % number)
                    time.sleep(0.01)
            case _:
                self._send(404, b"not here")

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """In silence."""


class Server(ThreadingHTTPServer):
    """One whose clients may leave."""

    def handle_error(self, *_: object) -> None:
        """In silence too."""


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    """The server's host and port."""
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def get(host):
    """Fetches from the server, which is allowed, at most 100 bytes."""

    def fetched(path: str) -> bytes:
        return fetch(f"http://{host}{path}", "image", hosts=[host], max_bytes=100)

    return fetched


def test_bytes_are_fetched(get, monkeypatch):
    """Up to the limit, without anything of ours sent along."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    Handler.asked.clear()
    assert get("/good") == b"x" * 100
    ((_, headers),) = Handler.asked
    assert headers["accept-encoding"] == "identity"
    assert {"authorization", "cookie"}.isdisjoint(headers)


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/nowhere", "HTTP 404"), ("/moved", "HTTP 302"), ("/packed", "compressed")],
)
def test_what_is_no_media_is_refused(get, path, reason):
    """With the field; a redirect is not followed."""
    Handler.asked.clear()
    with pytest.raises(InvalidInput, match=reason) as caught:
        get(path)
    assert caught.value.field == "image"
    assert len(Handler.asked) == 1


def test_too_much_is_not_read(get):
    """The limit holds while it is read, whatever the server says."""
    with pytest.raises(TooLarge, match="more than 100 bytes") as caught:
        get("/endless")
    assert caught.value.field == "image"


@pytest.mark.parametrize("path", ["endless", "hesitant"])
def test_a_slow_server_is_given_up(host, monkeypatch, path):
    """Though it sends a little all the time, of the body or of the headers."""
    monkeypatch.setattr(fetching, "_WHOLE_SECONDS", 0.1)
    with pytest.raises(InvalidInput, match="takes more than") as caught:
        fetch(f"http://{host}/{path}", "image", hosts=[host], max_bytes=2**30)
    assert caught.value.field == "image"


@pytest.mark.parametrize(
    ("url", "hosts", "reason"),
    [
        ("http://{host}/good", [], "TRIPTYCH_FETCH_HOSTS allows none"),
        ("http://{host}/good", ["example.org"], "allows example.org"),
        ("http://{host}/good", ["127.0.0.1"], "is not allowed"),
        ("http://user:secret@{host}/good", ["{host}"], "credentials"),
        ("http://@{host}@example.org/good", ["{host}"], "credentials"),
        ("http:///good", [""], "is not allowed"),
        ("http://[::1/good", ["::1"], "not a valid URL"),
        ("http://example.org:99999999/", ["example.org"], "is not allowed"),
        ("http://exa\ud800mple.org/", ["example.org"], "not a valid URL"),
        ("http://exa\nmple.org/", ["example.org"], "not a valid URL"),
    ],
)
def test_what_may_not_be_fetched(host, url, hosts, reason):
    """Nobody is asked."""
    Handler.asked.clear()
    with pytest.raises(InvalidInput, match=reason) as caught:
        fetch(
            url.format(host=host),
            "image",
            hosts=[one.format(host=host) for one in hosts],
            max_bytes=100,
        )
    assert caught.value.field == "image"
    assert Handler.asked == []
    assert "secret" not in str(caught.value)


def test_a_server_that_is_away(host):
    """Says so."""
    with pytest.raises(InvalidInput, match="can't be fetched"):
        fetch("http://127.0.0.1:9/x", "image", hosts=["127.0.0.1:9"], max_bytes=100)


def test_what_is_meant_as_a_url():
    """In whatever letters; nothing but HTTP."""
    assert all(map(is_url, ("http://a", "HTTPS://a", "https://")))
    assert not any(map(is_url, ("ftp://a", "file:///etc/passwd", "aHR0cDovLw==", "", "http:/a")))


def test_a_query_by_url(host, make_engine):
    """A picture that was fetched is a picture; what is none is refused with its field."""
    request = SearchRequest.model_validate({"image": f"http://{host}/good"})
    with pytest.raises(MediaError) as caught:
        make_engine(fetch_hosts=host).search("c", request)
    assert caught.value.field == "image"
    assert Handler.asked[-1][0] == "/good"
