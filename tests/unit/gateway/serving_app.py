"""A small application for the tests of the worker; it says what it got."""

import os
import time

from triptych.gateway import serving

serving.SECONDS = float(os.environ["SECONDS"])


def app(environ, start_response):
    """The path, and the length of the body."""
    body = environ["wsgi.input"].read()
    if environ["PATH_INFO"] == "/sleep":
        time.sleep(3)
    answer = f"{environ['PATH_INFO']} {len(body)}".encode()
    if environ["PATH_INFO"] == "/large":
        answer = bytes(10**8)
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
