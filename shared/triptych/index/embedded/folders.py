"""The folder of a collection, and the indexes in it: the current one, the next, the previous.

An index is a folder of files. The first one of a collection lies in the folder of the collection
itself, ``.``; those that are built later lie in folders of their own within it. Which of them plays
which role is a small file, replaced in one step; without it there is only the first. So a reader
sees either the index before or the one after a swap, and dropping a collection drops all of them.

Roles change only while the current index is locked against writing. A writer that has waited for
that lock looks again which index is current before it writes.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import orjson

from triptych.core.errors import NotFound
from triptych.index.embedded.schema import DATABASE

_ROLES_FILE = "generations.json"
_FIRST = "."
_NEW = "g-"
"""How the folders of later indexes begin."""
CURRENT, NEXT, PREVIOUS = "current", "next", "previous"

Roles = dict[str, str]
"""The name of the folder by role."""


def is_collection(folder: Path) -> bool:
    """Whether a folder has an index."""
    return (folder / DATABASE).exists() or (folder / _ROLES_FILE).exists()


def roles(folder: Path) -> Roles:
    """Which index plays which role. Raises OSError."""
    try:
        found: Roles = orjson.loads((folder / _ROLES_FILE).read_bytes())
    except FileNotFoundError:
        return {CURRENT: _FIRST}
    return found


def located(folder: Path, role: str) -> Path | None:
    """The folder of the index that plays a role; None if there is none."""
    name = roles(folder).get(role)
    return None if name is None else folder / name


def indexes(folder: Path) -> list[Path]:
    """The folders of all indexes of a collection."""
    return [folder / name for name in sorted(set(roles(folder).values()))]


def make(folder: Path) -> Path:
    """A new folder for an index, which has no role yet."""
    new = folder / f"{_NEW}{secrets.token_hex(4)}"
    new.mkdir()
    return new


def assign(folder: Path, changed: Roles) -> None:
    """Write down which index plays which role, durably; delete those that play none."""
    new = folder / f"{_ROLES_FILE}.{secrets.token_hex(4)}"
    with new.open("wb") as file:
        file.write(orjson.dumps(changed))
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / _ROLES_FILE)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    tidy(folder)


def tidy(folder: Path) -> None:
    """Delete the indexes that play no role, also those that a killed process has left."""
    used = set(roles(folder).values())
    for path in folder.glob(f"{_ROLES_FILE}.*"):
        path.unlink(missing_ok=True)
    for path in _later(folder):
        if path.name not in used:
            shutil.rmtree(path, ignore_errors=True)
    if _FIRST not in used:
        for path in folder.iterdir():
            if path.is_file() and not path.name.startswith(_ROLES_FILE):
                with suppress(FileNotFoundError):
                    path.unlink()


def _later(folder: Path) -> Iterator[Path]:
    return folder.glob(f"{_NEW}*")


def swapped(known: Roles) -> Roles:
    """The roles after *next* has taken the place of the current index. Raises NotFound."""
    if NEXT not in known:
        raise NotFound("the collection has no next index")
    return {CURRENT: known[NEXT], PREVIOUS: known[CURRENT]}


def without(known: Roles, role: str) -> Roles:
    """The roles when nothing plays this one."""
    return {name: path for name, path in known.items() if name != role}
