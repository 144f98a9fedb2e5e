"""Files on the server: read only below an allowed root, whatever links and dots a name has."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from triptych.core.errors import InvalidInput, MediaError


def resolve_inside(roots: tuple[Path, ...], name: str) -> tuple[Path, Path]:
    """Return a root and the real path of ``name`` below it; ``name`` may be relative to any root.

    Raises:
        InvalidInput: no root is allowed.
        MediaError: not there, or outside every root; the error does not tell which.
    """
    if not roots:
        raise InvalidInput(f"file {name!r}: this server allows no import root")
    for real in filter(None, (_real(root / name) for root in roots)):
        for root in roots:
            if real.is_relative_to(root):
                return root, real.relative_to(root)
    raise MediaError(f"file {name!r} is not there, or is outside the allowed import roots")


def _real(path: Path) -> Path | None:
    try:
        return path.resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        return None


def open_inside(roots: tuple[Path, ...], name: str) -> BinaryIO:
    """Open a regular file under one of ``roots`` for reading; raises as ``resolve_inside``."""
    root, path = resolve_inside(roots, name)
    try:
        descriptor = _open_below(root, path)
    except OSError as error:
        raise MediaError(f"file {name!r} can't be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise MediaError(f"file {name!r} is not a regular file")
    return os.fdopen(descriptor, "rb")


def _open_below(root: Path, path: Path) -> int:
    """Open folder by folder, so that no link or pipe made since the check is followed."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for part in path.parts:
        folder = descriptor
        try:
            descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        finally:
            os.close(folder)
    return descriptor
