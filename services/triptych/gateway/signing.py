"""What the gateway signs for others to keep: search tokens, and the cookies of sessions."""

import base64
import binascii
import json
from typing import Any, Literal

from triptych.media.signing import Secret
from triptych.media.store import MediaStore

Purpose = Literal["session", "token"]


class Signer:
    """Signs JSON with the secret of a deployment."""

    def __init__(self, store: MediaStore) -> None:
        self._secret = Secret(store)

    def sign(self, purpose: Purpose, facts: dict[str, Any]) -> str:
        """The facts and their signature, for a header or a cookie. Raises StoreUnavailable."""
        body = _encode(json.dumps(facts, separators=(",", ":")).encode())
        return f"{body}.{_encode(self._secret.mac(purpose, body.encode()))}"

    def read(self, purpose: Purpose, signed: str) -> dict[str, Any] | None:
        """The facts; None where the signature is not ours. Raises StoreUnavailable."""
        body, _, mac = signed.rpartition(".")
        try:
            given = base64.b64decode(_padded(mac), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        if not body.isascii() or not self._secret.is_of(given, purpose, body.encode()):
            return None
        facts: dict[str, Any] = json.loads(base64.urlsafe_b64decode(_padded(body)))
        return facts


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)
