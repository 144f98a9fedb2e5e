"""The folders of an index, one for each collection."""

import re
import secrets
import shutil
from pathlib import Path

from triptych.core.errors import IndexUnavailable, NotFound
from triptych.fusion.blocks import Layout
from triptych.index.embedded import schema
from triptych.index.embedded.store import translated

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
"""What is made or deleted is called otherwise meanwhile."""


def names(root: Path) -> list[str]:
    """The collections that there are, sorted."""
    with translated(root):
        found = root.iterdir() if root.is_dir() else ()
        return sorted(folder.name for folder in found if _is_collection(folder))


def _is_collection(folder: Path) -> bool:
    return bool(_NAME.fullmatch(folder.name)) and (folder / schema.DATABASE).exists()


def folder_of(root: Path, collection: str) -> Path:
    """Where a collection is, or would be. Raises NotFound for what is no name of one."""
    if not _NAME.fullmatch(collection):
        raise NotFound(f"no collection {collection!r}")
    return root / collection


def make(root: Path, collection: str, layout: Layout) -> None:
    """Create a collection aside and put it in its place, unless somebody was faster."""
    folder, new = folder_of(root, collection), _aside(root, collection)
    with translated(folder):
        new.mkdir(parents=True)
        try:
            schema.create(new, layout)
            new.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
        finally:
            shutil.rmtree(new, ignore_errors=True)


def drop(root: Path, collection: str) -> None:
    """Delete a collection, first of all its name. Raises NotFound."""
    folder, old = folder_of(root, collection), _aside(root, collection)
    try:
        with translated(folder):
            folder.rename(old)
    except IndexUnavailable as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise NotFound(f"no collection {collection!r}") from error
        raise
    shutil.rmtree(old, ignore_errors=True)


def _aside(root: Path, collection: str) -> Path:
    return root / f".{collection}.{secrets.token_hex(4)}"
