"""Elasticsearch as one plain process: its settings and its start."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from triptych.local.accounts import Account, give
from triptych.local.ports import LOOPBACK, Ports

# root's environment may hold secrets, and the server may run as somebody else: pass on only this.
_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ")
_KEPT = ("data", "logs")
_ANEW = ("config", "tmp")


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
        # A laptop's disk is often 90 % full: that must not make the index read-only.
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        # Only the server's own indices come into being by themselves; ours need their mapping.
        "action.auto_create_index": "'.*'",
    }
    return "".join(f"{key}: {value}\n" for key, value in lines.items())


def _quoted(path: Path) -> str:
    """A path as a YAML scalar that is read back unchanged."""
    return "'" + str(path).replace("'", "''") + "'"


def environment(
    *, java: Path, folder: Path, heap: str, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The node's environment: few variables, all its folders its own."""
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
    """Lay the node's folders: data and logs are kept, the rest is made anew.

    The other account owns what is in them. So as root nothing is written into a folder that was
    there before (its owner could have put links in it), and the parent stays ours.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name_anew in _ANEW:
        shutil.rmtree(folder / name_anew, ignore_errors=True)
    shutil.copytree(distribution / "config", folder / "config")
    (folder / "config" / "elasticsearch.yml").write_text(settings_text(name, ports, folder))
    for inner in (*_KEPT, *_ANEW):
        (folder / inner).mkdir(exist_ok=True)
        give(folder / inner, account, deep=inner in _ANEW)
