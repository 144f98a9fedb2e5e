"""Style sheets and scripts, under addresses that have the digest of all of them.

Modules import each other by relative paths, so one digest for the whole folder keeps versions
together: a page never gets one file of before an update and another of after it.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from triptych.core.errors import NotFound

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_DIGITS = 16


@cache
def assets() -> Mapping[str, bytes]:
    """The bytes of each file by its name."""
    folder = files(__package__) / "static"
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}


@cache
def version() -> str:
    """The digest of all files, 16 hex digits."""
    digest = hashlib.sha256()
    for name, data in sorted(assets().items()):
        digest.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
    return digest.hexdigest()[:_DIGITS]


def asset(name: str) -> tuple[bytes, str]:
    """The bytes and the type of a file. Raises NotFound."""
    kind = _TYPES.get(name[name.rfind(".") :])
    if name not in assets() or kind is None:
        raise NotFound(f"no file {name!r}")
    return assets()[name], kind
