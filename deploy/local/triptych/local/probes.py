"""Does a server answer? Each probe asks once, with a short timeout, and never raises."""

import http.client

from redis import Redis
from redis.exceptions import RedisError

from triptych.local.ports import LOOPBACK

_SECONDS = 3.0


def http_ok(port: int, path: str) -> bool:
    """Whether a GET on loopback answers 200."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def redis_ok(port: int) -> bool:
    """Whether Redis or Valkey accepts commands, which it does after loading its data."""
    with Redis(LOOPBACK, port, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS) as client:
        try:
            return bool(client.ping())
        except (RedisError, OSError):
            return False
