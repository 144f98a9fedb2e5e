"""Server-side files: only under an allowed root, whatever links and dots a name holds."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from triptych.shared.errors import InvalidInput, MediaError


def resolve_inside(roots: tuple[Path, ...], name: str) -> Path:
    """Return the real path of ``name``, absolute or relative to one of ``roots``.

    Raises:
        InvalidInput: no root is allowed.
        MediaError: not there or outside every root; which of the two is nobody's business.
    """
    if not roots:
        raise InvalidInput(f"file {name!r}: this server allows no import root")
    for root in roots:
        real = _real(root / name)
        if real is not None and _is_inside(roots, real):
            return real
    raise MediaError(f"file {name!r} is not there, or is outside the allowed import roots")


def _real(path: Path) -> Path | None:
    try:
        return path.resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        return None


def _is_inside(roots: tuple[Path, ...], real: Path) -> bool:
    return any(real.is_relative_to(root) for root in roots)


def open_inside(roots: tuple[Path, ...], name: str) -> BinaryIO:
    """Open a regular file under one of ``roots`` for reading; raises as ``resolve_inside``."""
    real = resolve_inside(roots, name)
    try:
        # A link or pipe put there since the check must not be followed or waited for.
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise MediaError(f"file {name!r} can't be read: {error.strerror}") from error
    opened = os.fstat(descriptor)
    if not stat.S_ISREG(opened.st_mode):
        os.close(descriptor)
        raise MediaError(f"file {name!r} is not a regular file")
    if not _is_still(roots, real, opened):
        os.close(descriptor)
        raise MediaError(f"file {name!r} was moved while it was opened")
    return os.fdopen(descriptor, "rb")


def _is_still(roots: tuple[Path, ...], real: Path, opened: os.stat_result) -> bool:
    """Whether a file that is open lies inside: a folder on its way may have become a link."""
    again = _real(real)
    return (
        again is not None
        and _is_inside(roots, again)
        and os.path.samestat(opened, again.stat(follow_symlinks=False))
    )
