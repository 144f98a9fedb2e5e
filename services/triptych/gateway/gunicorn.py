"""Gunicorn's settings: one process with threads, since models and index client are shared."""

import os
import socket
import struct
from typing import Any

from triptych.core.settings import Settings
from triptych.core.threads import limit_threads
from triptych.gateway.descriptors import descriptors

limit_threads()

worker_class = "triptych.gateway.serving.Worker"
workers = int(os.environ.get("TRIPTYCH_GATEWAY_WORKERS", "1"))
_settings = Settings()
threads = _settings.gateway_threads
certfile = None if _settings.tls_cert is None else str(_settings.tls_cert)
keyfile = None if _settings.tls_key is None else str(_settings.tls_key)
timeout = 120  # models load before the first answer
graceful_timeout = 20
keepalive = 30
accesslog = None
control_socket_disable = True
# Half of the descriptors are for what requests open.
worker_connections = max(2 * threads, min(1000, descriptors() // 2))

_STALLED_SECONDS = 10


def when_ready(server: Any) -> None:
    """Let no client hold a thread by a request, or an answer, that does not move on.

    Gunicorn makes each connection blocking again, so a timeout of Python's would not last; these
    are the kernel's, and connections inherit them from the socket that listens. One on which
    nothing was ever said is not even accepted, where the kernel can wait for it (Linux). Over TLS
    ``serving.TlsSocket`` does the same.
    """
    for listener in server.LISTENERS:
        if hasattr(socket, "TCP_DEFER_ACCEPT") and listener.family != socket.AF_UNIX:
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _STALLED_SECONDS)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            listener.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", _STALLED_SECONDS, 0))
