"""Server-side files: only under an allowed root, whatever links and dots a name holds."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from triptych.shared.errors import InvalidInput, MediaError


def resolve_inside(roots: tuple[Path, ...], name: str) -> Path:
    """Return the real path of ``name``, absolute or relative to one of ``roots``.

    Raises:
        InvalidInput: outside every root, or no root is allowed.
        MediaError: no such file.
    """
    if not roots:
        raise InvalidInput(f"file {name!r}: this server allows no import root")
    found = [real for root in roots if (real := _real(root / name)) is not None]
    if not found:
        raise MediaError(f"file {name!r} is not there")
    inside = [real for real in found if any(real.is_relative_to(root) for root in roots)]
    if not inside:
        raise InvalidInput(f"file {name!r} is outside the allowed import roots")
    return inside[0]


def _real(path: Path) -> Path | None:
    try:
        return path.resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        return None


def open_inside(roots: tuple[Path, ...], name: str) -> BinaryIO:
    """Open a regular file under one of ``roots`` for reading; raises as ``resolve_inside``."""
    real = resolve_inside(roots, name)
    try:
        # A link or pipe put there since the check must not be followed or waited for.
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise MediaError(f"file {name!r} can't be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise MediaError(f"file {name!r} is not a regular file")
    return os.fdopen(descriptor, "rb")
