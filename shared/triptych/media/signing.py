"""What a deployment gives others to keep, and wants back unchanged: cursors, tokens, cookies.

The secret of a deployment is a document of its media store, made by whoever needs it first. What
was signed for one purpose is worth nothing for another.
"""

import hashlib
import hmac
import secrets
from functools import cached_property

from triptych.media.store import MediaStore

_FOLDER, _NAME = "secrets", "signing"
_BYTES = 32
MAC_BYTES = hashlib.sha256().digest_size


class Secret:
    """The secret of a deployment, read when it is first needed. Serves many threads."""

    def __init__(self, store: MediaStore) -> None:
        self._store = store

    @cached_property
    def _value(self) -> bytes:
        # Of several processes that need one at the same moment, one makes it.
        self._store.create_document(_FOLDER, _NAME, secrets.token_bytes(_BYTES))
        return self._store.read_document(_FOLDER, _NAME)

    def mac(self, purpose: str, body: bytes) -> bytes:
        """HMAC-SHA-256 (RFC 2104), 32 bytes. Raises StoreUnavailable."""
        return hmac.digest(self._value, purpose.encode() + b" " + body, hashlib.sha256)

    def is_of(self, mac: bytes, purpose: str, body: bytes) -> bool:
        """Whether it was made here. Raises StoreUnavailable."""
        return hmac.compare_digest(mac, self.mac(purpose, body))
