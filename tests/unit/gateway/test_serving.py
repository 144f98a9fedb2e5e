"""The server's worker: nobody holds it by being slow, and it goes on without descriptors."""

import os
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest

THREADS = 2
SECONDS = 2


class Server:
    """A gunicorn of its own."""

    def __init__(
        self,
        listener: socket.socket,
        process: subprocess.Popen,
        trusts: ssl.SSLContext | None,
    ) -> None:
        self.address, self.process, self.trusts = listener.getsockname(), process, trusts

    def connect_plainly(self) -> socket.socket:
        """A connection without TLS."""
        return socket.create_connection(self.address, timeout=20)

    def connect(self) -> socket.socket:
        """A connection, by TLS if the server has a certificate."""
        plain = self.connect_plainly()
        return self.trusts.wrap_socket(plain) if self.trusts else plain

    def get(self, path: str, body: bytes | None = None) -> str:
        """What it answers to a request on a connection of its own."""
        connection = HTTPConnection(*self.address, timeout=20)
        connection.sock = self.connect()
        try:
            connection.request("POST" if body else "GET", path, body)
            return connection.getresponse().read().decode()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate with its key, so large that a handshake does not fit into small buffers."""
    if (tool := shutil.which("openssl")) is None:
        pytest.skip("openssl is not installed")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    names = ",".join(f"DNS:{number:060}.example.org" for number in range(400))
    subprocess.run(
        [tool, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", f"subjectAltName={names}",
         "-keyout", str(path), "-out", str(path.with_suffix(".cert"))],
        capture_output=True, check=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + path.with_suffix(".cert").read_bytes())
    return path


@pytest.fixture
def serve(monkeypatch):
    """Starts a server with so many descriptors, and maybe with a certificate."""
    with ExitStack() as stack:

        def start(
            descriptors: int = 512, certificate: Path | None = None, send_buffer: int | None = None
        ) -> Server:
            monkeypatch.setenv("SECONDS", str(SECONDS))
            monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512))
            if send_buffer is not None:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
            command = [
                *(sys.executable, "-m", "gunicorn", "--bind", f"fd://{listener.fileno()}"),
                *("--worker-class", "triptych.gateway.serving.Worker", "--keep-alive", "30"),
                *("--threads", str(THREADS), "--worker-connections", "100"),
                *("--no-control-socket", "serving_app:app"),
            ]
            trusts = None
            if certificate is not None:
                command[-1:-1] = ["--certfile", str(certificate), "--keyfile", str(certificate)]
                trusts = ssl.create_default_context(cafile=certificate)
                trusts.check_hostname = False
            process = subprocess.Popen(
                command,
                pass_fds=[listener.fileno()],
                stderr=subprocess.DEVNULL,
                preexec_fn=lambda: resource.setrlimit(  # noqa: PLW1509
                    resource.RLIMIT_NOFILE, (descriptors, descriptors)
                ),
            )
            stack.callback(process.wait, 30)
            stack.callback(process.kill)
            server = Server(listener, process, trusts)
            assert server.get("/") == "/ 0"
            return server

        yield start


def answers(connection: socket.socket) -> bytes:
    """All that comes until it is closed, or for a second nothing."""
    connection.settimeout(1)
    found = b""
    try:
        while data := connection.recv(2**16):
            found += data
    except TimeoutError:
        pass
    return found


def test_heads_that_drip_hold_nobody(serve):
    """However many there are; they are told so after a while."""
    server = serve()
    with ExitStack() as stack:
        slow = [stack.enter_context(server.connect()) for _ in range(90)]
        for one in slow:
            one.sendall(b"GET / HTTP/1.1\r\nHost:")
        started = time.monotonic()
        assert server.get("/healthz") == "/healthz 0"
        assert server.get("/search", b"x" * 1000) == "/search 1000"
        assert time.monotonic() - started < 1
        for one in slow:  # a byte now and then is no request
            one.sendall(b"a")
        found = slow[0].recv(2**16)
        assert found.startswith(b"HTTP/1.1 408 ")
        assert b"application/problem+json" in found
        assert time.monotonic() - started < SECONDS + 3


def test_more_connections_than_there_may_be(serve):
    """Who waits longest for its own request goes, so that others are served."""
    server = serve()
    with ExitStack() as stack:
        for _ in range(150):
            stack.enter_context(server.connect()).sendall(b"GET / HTTP/1.1\r\n")
        started = time.monotonic()
        assert server.get("/healthz") == "/healthz 0"
        assert time.monotonic() - started < 1.5


def test_idle_connections_keep_nobody_out(serve):
    """The one that has been idle for longest goes."""
    server = serve()
    with ExitStack() as stack:
        connected = [HTTPConnection(*server.address, timeout=20) for _ in range(130)]
        for number, one in enumerate(connected):
            stack.callback(one.close)
            one.request("GET", f"/{number}")
            assert one.getresponse().read() == f"/{number} 0".encode()
        connected[-1].request("GET", "/again")
        assert connected[-1].getresponse().read() == b"/again 0"


def test_who_goes_may_send_something_at_that_moment(serve):
    """Nothing ends by it."""
    server = serve()
    parent = server.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children")
    worker = children.read_text()
    with ExitStack() as stack:
        slow = [stack.enter_context(server.connect()) for _ in range(99)]
        for one in slow:
            one.sendall(b"GET / HTTP/1.1\r\n")
        time.sleep(0.5)
        os.kill(int(worker), signal.SIGSTOP)  # so that it hears of all of this at once
        stack.enter_context(server.connect())
        for one in slow:
            one.sendall(b"a")
        os.kill(int(worker), signal.SIGCONT)
        assert server.get("/healthz") == "/healthz 0"
        assert children.read_text() == worker


def test_bodies_that_drip_hold_only_large_ones(serve):
    """And not for long: who sends less than some bytes a second is left."""
    server = serve()
    with ExitStack() as stack:
        slow = [stack.enter_context(server.connect()) for _ in range(8)]
        for one in slow:
            one.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\nx")
        time.sleep(0.3)
        started = time.monotonic()
        assert server.get("/healthz") == "/healthz 0"
        assert server.get("/search", b"x" * 60_000) == "/search 60000"
        assert time.monotonic() - started < 1
        for _ in range(8):
            time.sleep(0.5)
            for one in slow[:THREADS]:
                one.sendall(b"x")
        assert b"200 OK" not in answers(slow[0])
        for one in slow[THREADS:]:
            one.close()
        assert server.get("/upload", b"x" * 10**6) == "/upload 1000000"


def test_a_small_body_that_drips_holds_nobody(serve):
    """It has as long as a head."""
    server = serve()
    with ExitStack() as stack:
        slow = [stack.enter_context(server.connect()) for _ in range(20)]
        for one in slow:
            one.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nx")
        started = time.monotonic()
        assert server.get("/search", b"x") == "/search 1"
        assert time.monotonic() - started < 1
        assert answers(slow[0]) + answers(slow[0]) + answers(slow[0]) != b""


def test_health_is_told_while_all_threads_work(serve):
    """It has a thread of its own."""
    server = serve()
    with ExitStack() as stack:
        for _ in range(2 * THREADS):
            busy = stack.enter_context(server.connect())
            busy.sendall(b"GET /sleep HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.3)
        started = time.monotonic()
        assert server.get("/healthz") == "/healthz 0"
        assert time.monotonic() - started < 1


def test_requests_however_they_come(serve):
    """Byte by byte, two at once, one after the other, in chunks, after asking for leave."""
    server = serve()
    get = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
    post = b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345"
    with server.connect() as one:
        for byte in get:
            one.sendall(bytes([byte]))
        assert answers(one).endswith(b"/a 0")
        one.sendall(post + get + b"\r\n" + post)
        found = answers(one)
        assert [found.count(part) for part in (b"/a 0", b"/b 5", b"200 OK")] == [1, 2, 3]
        one.sendall(
            b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
        )
        one.sendall(b"0\r\n\r\n" + get[:9])
        assert answers(one).endswith(b"/c 3")
        one.sendall(get[9:])
        assert answers(one).endswith(b"/a 0")
        one.sendall(
            b"POST /d HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        assert answers(one).startswith(b"HTTP/1.1 100 ")
        one.sendall(b"12")
        assert answers(one).endswith(b"/d 2")


def test_a_head_without_end(serve):
    """Is refused as soon as it is too long; what is no request is refused, too."""
    server = serve()
    with server.connect() as one:
        one.sendall(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000)
        assert answers(one).startswith(b"HTTP/1.1 431 ")
    with server.connect() as one:
        one.sendall(b"\r\n" * 9 + b"nonsense\r\n\r\n")
        assert answers(one).startswith(b"HTTP/1.1 400 ")
    assert server.get("/") == "/ 0"


def test_without_descriptors_nothing_ends(serve):
    """Who is connected goes on, and others are served as soon as there is room."""
    server = serve(descriptors=64)
    with ExitStack() as stack:
        known = HTTPConnection(*server.address, timeout=20)
        stack.callback(known.close)
        known.request("GET", "/")
        assert known.getresponse().read() == b"/ 0"
        busy = stack.enter_context(server.connect())
        busy.sendall(b"GET /sleep HTTP/1.1\r\nHost: a\r\n\r\n")
        for _ in range(90):
            stack.enter_context(server.connect()).sendall(b"GET / HTTP/1.1\r\n")
        assert answers(busy) + answers(busy) + answers(busy) + answers(busy) != b""
        known.request("GET", "/again")
        assert known.getresponse().read() == b"/again 0"
        assert server.process.poll() is None
        assert server.get("/healthz") == "/healthz 0"
    assert server.get("/") == "/ 0"
    assert server.process.poll() is None


GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


@pytest.mark.parametrize(
    "lengths",
    [
        b"Content-Length: 0000000000000000000000000099",
        b"content-length : 99",
        b"Content-Length: +99",
        b"Content-Length: 1\r\nContent-Length: 99",
    ],
)
def test_a_length_that_is_none_is_refused_at_once(serve, lengths):
    """Nobody waits for such a body, so those who announce one hold no thread."""
    server = serve()
    with ExitStack() as stack:
        asking = [stack.enter_context(server.connect()) for _ in range(2 * THREADS)]
        for one in asking:
            one.sendall(b"POST / HTTP/1.1\r\nHost: a\r\n" + lengths + b"\r\n\r\n")
        started = time.monotonic()
        assert server.get("/") == "/ 0"
        assert time.monotonic() - started < 1
        for one in asking:
            found = answers(one)
            assert found.startswith(b"HTTP/1.1 400 ")
        if lengths.endswith(b"0099"):
            assert b"at most 18 digits" in found


def test_who_does_not_close_holds_nobody(serve):
    """After an answer that was the last one."""
    server = serve()
    with ExitStack() as stack:
        staying = [stack.enter_context(server.connect()) for _ in range(8)]
        started = time.monotonic()
        for one in staying:
            one.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert answers(one).endswith(b"/a 0")
        assert server.get("/healthz") == "/healthz 0"
        assert time.monotonic() - started < 1
        time.sleep(4)
        staying[0].sendall(b"x")
        time.sleep(0.1)
        with pytest.raises(OSError, match=r"reset|pipe"):  # it is closed, so that was refused
            staying[0].sendall(b"x")


def test_over_tls_what_drips_holds_nobody(serve, certificate):
    """No handshake and no head, however slowly they come; they have as long as others."""
    server = serve(certificate=certificate)
    with ExitStack() as stack:
        shaking = [stack.enter_context(server.connect_plainly()) for _ in range(40)]
        for one in shaking:
            one.sendall(b"\x16\x03\x01\x02\x00\x01")
        slow = [stack.enter_context(server.connect()) for _ in range(8)]
        for one in slow:
            one.sendall(b"GET / HTTP/1.1\r\nHost:")
        started = time.monotonic()
        assert server.get("/healthz") == "/healthz 0"
        assert server.get("/search", b"x" * 1000) == "/search 1000"
        assert time.monotonic() - started < 1
        assert slow[0].recv(2**16).startswith(b"HTTP/1.1 408 ")
        assert shaking[0].recv(2**16) == b""
        assert time.monotonic() - started < SECONDS + 3


def test_over_tls_health_is_told_while_all_threads_work(serve, certificate):
    """It has a thread of its own there, too."""
    server = serve(certificate=certificate)
    with ExitStack() as stack:
        for _ in range(2 * THREADS):
            stack.enter_context(server.connect()).sendall(GET.replace(b"/a", b"/sleep"))
        time.sleep(0.3)
        started = time.monotonic()
        assert server.get("/healthz") == "/healthz 0"
        assert time.monotonic() - started < 1


def test_over_tls_who_stalls_is_left(serve, certificate):
    """In the middle of a large body, or of an answer."""
    server = serve(certificate=certificate)
    with ExitStack() as stack:
        for _ in range(THREADS):
            stack.enter_context(server.connect()).sendall(POST % 10**7 + b"x")
            stack.enter_context(server.connect()).sendall(GET.replace(b"/a", b"/large"))
        time.sleep(SECONDS + 1.5)
        started = time.monotonic()
        assert server.get("/upload", b"x" * 10**6) == "/upload 1000000"
        assert server.get("/search") == "/search 0"
        assert time.monotonic() - started < 1


@pytest.mark.parametrize("size", [0, 5, 9000, 60_000, 10**6])
def test_over_tls_requests_however_they_come(serve, certificate, size):
    """In small records, two in one record, one after the other."""
    server = serve(certificate=certificate)
    with server.connect() as one:
        for byte in GET:
            one.sendall(bytes([byte]))
        assert answers(one).endswith(b"/a 0")
        one.sendall(POST % size + bytes(size) + GET + POST % size + bytes(size))
        found = answers(one)
        assert found.count(b"200 OK") == 3
        assert found.endswith(b"/b %d" % size)


def test_a_handshake_that_waits_for_the_client(serve, certificate):
    """It goes on when the client takes what it was sent."""
    server = serve(certificate=certificate, send_buffer=1)
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        plain.settimeout(20)
        plain.connect(server.address)
        come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
        begun = server.trusts.wrap_bio(come, go)
        with pytest.raises(ssl.SSLWantReadError):
            begun.do_handshake()
        plain.sendall(go.read())
        time.sleep(0.3)
        while True:
            try:
                begun.do_handshake()
                break
            except ssl.SSLWantReadError:
                assert come.write(plain.recv(2**16))
        begun.write(GET)
        plain.sendall(go.read())
        found = b""
        while not found.endswith(b"/a 0"):
            try:
                found += begun.read()
            except ssl.SSLWantReadError:
                assert come.write(plain.recv(2**16))
