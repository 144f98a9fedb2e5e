"""Elasticsearch as a single process: its settings, environment and folders."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from triptych.local.accounts import Account, give
from triptych.local.ports import LOOPBACK, Ports

# root's environment may hold secrets, and the server may run as another user: pass on only this.
_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ")
_PERSISTENT = ("data", "logs")
_RECREATED = ("config", "tmp")


def settings_text(name: str, ports: Ports, folder: Path) -> str:
    """The node's elasticsearch.yml."""
    lines = {
        "cluster.name": f"triptych-{name}",
        "node.name": "local",
        "path.data": _quoted(folder / "data"),
        "path.logs": _quoted(folder / "logs"),
        "network.host": LOOPBACK,
        "http.port": ports.search,
        "transport.port": ports.transport,
        "discovery.type": "single-node",
        # Safe only because nothing but loopback is bound; the compose file says the same.
        "xpack.security.enabled": "false",
        # A laptop's disk is often 90 % full; the index must stay writable.
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        # Only the server's own indices may be created implicitly; ours need their mapping.
        "action.auto_create_index": "'.*'",
    }
    return "".join(f"{key}: {value}\n" for key, value in lines.items())


def _quoted(path: Path) -> str:
    """A path as a quoted YAML scalar."""
    return "'" + str(path).replace("'", "''") + "'"


def environment(
    *, java: Path, folder: Path, heap: str, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The node's environment: few variables, and folders of its own."""
    inherited = {key: environ[key] for key in _INHERITED if key in environ}
    return {
        **inherited,
        "HOME": str(folder),
        "ES_JAVA_HOME": str(java),
        "ES_JAVA_OPTS": f"-Xms{heap} -Xmx{heap} -XX:-UsePerfData",
        "ES_PATH_CONF": str(folder / "config"),
        "ES_TMPDIR": str(folder / "tmp"),
        "CLI_JAVA_OPTS": _launcher_options(folder / "tmp"),
    }


def _launcher_options(temporary: Path) -> str:
    """Keep the launcher's temporary files here too; its script can't quote a path with spaces."""
    where = "" if " " in str(temporary) else f" -Djava.io.tmpdir={temporary}"
    return f"-XX:-UsePerfData{where}"


def configure(
    distribution: Path, folder: Path, *, name: str, ports: Ports, account: Account | None
) -> None:
    """Make the node's folders: data and logs are kept, the others are deleted and made again.

    The account owns them, and could have put links in them. So root writes only into folders that
    it has just made, and keeps their parent.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for inner in _RECREATED:
        shutil.rmtree(folder / inner, ignore_errors=True)
    shutil.copytree(distribution / "config", folder / "config")
    (folder / "config" / "elasticsearch.yml").write_text(settings_text(name, ports, folder))
    for inner in (*_PERSISTENT, *_RECREATED):
        (folder / inner).mkdir(exist_ok=True)
        give(folder / inner, account, deep=inner in _RECREATED)
