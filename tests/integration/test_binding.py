"""A real gunicorn that is bound to every address, with and without a key, and by TLS."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from triptych.local.ports import LOOPBACK

KEY = "0123456789abcdef" * 3


def elsewhere() -> str:
    """An address of this machine that is not loopback; no packet is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address: str = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    return address


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., object]:
    """Starts a gateway, and gives its port and its log."""

    @contextmanager
    def serve(bind: str, scheme: str = "http", **settings: str) -> Iterator[tuple[int, Path]]:
        with socket.socket() as free:
            free.bind((LOOPBACK, 0))
            port = free.getsockname()[1]
        log = tmp_path / "log"
        environ = {
            **os.environ,
            "TRIPTYCH_MEDIA_URL": (tmp_path / "media").as_uri(),
            "TRIPTYCH_INDEX_URL": (tmp_path / "index").as_uri(),
            "TRIPTYCH_REDIS_URL": f"redis://{LOOPBACK}:1/0",
            **settings,
        }
        command = ["-m", "gunicorn", "--config", "python:triptych.gateway.gunicorn"]
        command += ["--bind", f"{bind}:{port}", "triptych.gateway.wsgi:app"]
        with (
            log.open("wb") as output,
            subprocess.Popen([sys.executable, *command], env=environ, stderr=output) as server,
        ):
            try:
                for _ in range(600):
                    assert server.poll() is None, log.read_text()
                    try:
                        httpx.get(f"{scheme}://{LOOPBACK}:{port}/healthz", verify=False, timeout=5)  # noqa: S501
                        break
                    except httpx.TransportError:
                        time.sleep(0.1)
                yield port, log
            finally:
                server.terminate()

    return serve


def test_without_a_key_only_this_machine_is_answered(serve) -> None:
    """Though it is bound to every address; probes are answered, and the log says so."""
    other = elsewhere()
    with serve("0.0.0.0") as (port, log):  # noqa: S104
        assert httpx.get(f"http://{LOOPBACK}:{port}/v1/limits").status_code == 200
        assert httpx.get(f"http://{other}:{port}/healthz").status_code == 200
        refused = httpx.get(f"http://{other}:{port}/v1/limits")
        assert refused.status_code == 403
        assert "triptych keys create" in refused.json()["detail"]
        made = {"name": "first", "scopes": ["admin"]}
        assert httpx.post(f"http://{other}:{port}/v1/keys", json=made).status_code == 403
        key = httpx.post(f"http://{LOOPBACK}:{port}/v1/keys", json=made).json()["key"]
        bearer = {"Authorization": f"Bearer {key}"}
        assert httpx.get(f"http://{other}:{port}/v1/limits", headers=bearer).status_code == 200
        assert httpx.get(f"http://{LOOPBACK}:{port}/v1/limits").status_code == 401
        assert "this machine alone is answered" in log.read_text()


def test_it_may_be_open_on_purpose(serve) -> None:
    """By a setting, which the log warns of."""
    other = elsewhere()
    with serve("0.0.0.0", TRIPTYCH_OPEN="true") as (port, log):  # noqa: S104
        assert httpx.get(f"http://{other}:{port}/v1/limits").status_code == 200
        assert "everybody is let in" in log.read_text()


def test_it_speaks_tls(serve, tmp_path: Path) -> None:
    """With a certificate and a key of its own; nobody is answered without."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    if (tool := shutil.which("openssl")) is None:
        pytest.skip("openssl is not installed")
    subprocess.run(
        [tool, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key),
         "-out", str(cert)],
        capture_output=True, check=True,
    )  # fmt: skip
    settings = {
        "TRIPTYCH_TLS_CERT": str(cert), "TRIPTYCH_TLS_KEY": str(key), "TRIPTYCH_ADMIN_KEY": KEY
    }  # fmt: skip
    with (
        serve(LOOPBACK, "https", **settings) as (port, _),
        httpx.Client(
            verify=ssl.create_default_context(cafile=cert), base_url=f"https://{LOOPBACK}:{port}"
        ) as client,
    ):
        assert client.get("/v1/limits").status_code == 401
        bearer = {"Authorization": f"Bearer {KEY}"}
        assert client.get("/v1/limits", headers=bearer).status_code == 200
        cookie = client.post("/login", data={"key": KEY}).headers["set-cookie"]
        assert "Secure" in cookie
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://{LOOPBACK}:{port}/v1/limits")
