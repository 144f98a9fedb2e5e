"""Gunicorn's settings: one process with threads, since models and index client are shared."""

import os

from triptych.shared.threads import limit_threads

limit_threads()

worker_class = "gthread"
workers = int(os.environ.get("TRIPTYCH_GATEWAY_WORKERS", "1"))
threads = int(os.environ.get("TRIPTYCH_GATEWAY_THREADS", "8"))
timeout = 120  # models load before the first answer
graceful_timeout = 20
keepalive = 30
accesslog = None
control_socket_disable = True
