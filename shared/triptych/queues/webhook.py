"""A signed webhook, as Standard Webhooks has it (https://www.standardwebhooks.com), and its tries.

The id is the same at each try, so that a receiver can tell that it has had it. The timestamp is of
the try, so that one that was overheard is worth nothing later.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Self

import httpx

from triptych.core.outgoing import asked
from triptych.core.settings import Webhook

_FIRST_PAUSE, _LONGEST_PAUSE = 30.0, 4 * 3600.0
_SECONDS, _WHOLE_SECONDS = 5.0, 10.0
"""For one try: a receiver is to take it first, and to work on it afterwards."""


@dataclass(frozen=True)
class Notice:
    """The end of a batch, of which somebody is to be told."""

    batch: str
    body: str
    """JSON: the batch at its end, as ``GET /v1/batches/{b}`` answers."""
    ended: float
    """Seconds since 1970."""
    tries: int = 0
    """Those that failed."""
    due: float = 0.0
    """When to try next, in seconds since 1970."""

    @property
    def id(self) -> str:
        """The same at each try."""
        return f"batch-ended-{self.batch}"

    def is_due(self, now: float) -> bool:
        """Whether to try now; also where the clock was set back, so that it seems far away."""
        return not now < self.due <= now + _LONGEST_PAUSE

    def later(self, now: float, wait: float = 0.0) -> Self:
        """After one more try that failed: pauses double, from half a minute to four hours.

        Args:
            now: seconds since 1970.
            wait: seconds that the receiver asked for.
        """
        pause = min(_LONGEST_PAUSE, max(wait, _FIRST_PAUSE * 2.0 ** min(self.tries, 20)))
        return replace(self, tries=self.tries + 1, due=now + pause)

    def to_json(self) -> bytes:
        """As it is stored."""
        return json.dumps(vars(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what ``to_json`` wrote."""
        return cls(**json.loads(data))


@dataclass(frozen=True)
class Refusal:
    """Why a receiver did not take it."""

    reason: str
    wait: float = 0.0
    """Seconds that it asks for."""
    final: bool = False
    """Whether it wants no more of it."""


def send(notice: Notice, webhook: Webhook, now: float) -> Refusal | None:
    """Try once, for fifteen seconds at most. None: it was taken."""
    content = notice.body.encode()
    headers = {
        "content-type": "application/json",
        "webhook-id": notice.id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": signature(webhook.keys, notice.id, int(now), content),
    }
    try:
        with asked(
            "POST",
            webhook.url,
            seconds=_SECONDS,
            whole_seconds=_WHOLE_SECONDS,
            headers=headers,
            content=content,
        ) as response:
            status, wait = response.status_code, response.headers.get("retry-after", "")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Refusal(f"{type(error).__name__}: {error}")
    if response.is_success:
        return None
    return Refusal(
        f"HTTP {status}",
        wait=float(wait) if wait.isdecimal() else 0.0,
        final=status == HTTPStatus.GONE,
    )


def signature(keys: Iterable[bytes], name: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``: one for each key, separated by blanks."""
    signed = f"{name}.{timestamp}.".encode() + body
    digests = (hmac.digest(key, signed, hashlib.sha256) for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
