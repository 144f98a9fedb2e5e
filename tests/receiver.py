"""A real receiver of webhooks on loopback, which can refuse, hang, or drip."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = int | Callable[[BaseHTTPRequestHandler], None]

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Receiver:
    """What came, and what is answered: a status, or a function that answers."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    """Of the next requests; then it is 204."""
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """The headers, in lower case, and the body of each request."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver, for as long as the ``with`` lasts."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = made.answers.pop(0) if made.answers else 204
            made.came.append(({k.lower(): v for k, v in self.headers.items()}, body))
            if callable(answer):
                answer(self)
                return
            self.send_response(answer)
            self.send_header("content-length", "0")
            if answer == 429:
                self.send_header("retry-after", "90")
            if answer == 302:
                self.send_header("location", made.url)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the sender has gone
                return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}/hooks/token-in-path"
    yield made
    server.shutdown()
    server.server_close()


def hang(_: BaseHTTPRequestHandler) -> None:
    """Say nothing for longer than anyone waits."""
    time.sleep(30)


def drip(handler: BaseHTTPRequestHandler) -> None:
    """A byte of a header now and then, for longer than anyone waits."""
    for byte in b"HTTP/1.1 200 OK\r\nx: " + b"x" * 600:
        handler.wfile.write(bytes([byte]))
        time.sleep(0.05)
