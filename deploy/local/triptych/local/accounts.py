"""The user that Elasticsearch runs as when we are root, and the folders open to it."""

import hashlib
import os
import pwd
from pathlib import Path
from typing import NamedTuple

from triptych.core.settings import cache_home
from triptych.local.errors import StackError

# Other users can't enter root's home, so what they need is here. Both parents belong to root, so
# nobody else can plant files in them (unlike in /tmp).
ROOT_CACHE = Path("/var/cache/triptych")
ROOT_DATA = Path("/var/lib/triptych")
_CANDIDATES = ("elasticsearch", "nobody")


class Account(NamedTuple):
    """A user that a child process becomes."""

    name: str
    uid: int
    gid: int


def unprivileged() -> Account | None:
    """The user for servers that refuse root; none when we are not root anyway."""
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise StackError(
        "Elasticsearch refuses to run as root and there is no user 'elasticsearch' or 'nobody': "
        "create one (useradd --system elasticsearch), or start the stack as a normal user"
    )


def open_cache(account: Account | None) -> Path:
    """A cache folder that the account can read."""
    return _traversable(ROOT_CACHE) if account else cache_home()


def open_data(home: Path, account: Account | None) -> Path:
    """The folder for Elasticsearch's data of the stack in ``home``, reachable by the account."""
    folder = data_folder(home, as_root=account is not None)
    return _traversable(folder) if account else folder


def data_folder(home: Path, *, as_root: bool) -> Path:
    """The path of that folder; it need not exist."""
    if not as_root:
        return home / "elasticsearch"
    key = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:8]
    return ROOT_DATA / f"{home.name}-{key}"


def _traversable(folder: Path) -> Path:
    """Make a folder and its missing parents, readable by every user whatever the umask."""
    for path in (*reversed(folder.parents), folder):
        if not path.exists():
            path.mkdir(exist_ok=True)
            path.chmod(0o755)
    return folder


def give(path: Path, account: Account | None, *, deep: bool) -> None:
    """Give a folder to the account, with ``deep`` also its contents; links are not followed."""
    if account is None:
        return
    for entry in (path, *(path.rglob("*") if deep else ())):
        os.chown(entry, account.uid, account.gid, follow_symlinks=False)
