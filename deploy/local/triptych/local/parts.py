"""The parts of a stack as plain data: processes, their order, and when each is ready."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from triptych.core.settings import index_folder, media_folder
from triptych.local import distribution, elasticsearch, valkey
from triptych.local.accounts import Account, open_cache, open_data, unprivileged
from triptych.local.java import find_java
from triptych.local.locks import Pause
from triptych.local.options import ELASTICSEARCH, WORKER_KINDS, IndexKind, StackOptions
from triptych.local.ports import LOOPBACK, Ports
from triptych.local.probes import http_ok, redis_ok

STORES = ("valkey", ELASTICSEARCH)
_HEALTH = "/_cluster/health?wait_for_status=yellow&timeout=1s"


def _nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True)
class Part:
    """One process: how it starts, when it is ready, how many seconds it has to start and to stop.

    ``prepare`` runs before each start; ``ready`` is called repeatedly and never raises.
    ``needs`` names the parts that must be ready before this one starts.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    log: Path
    ready: Callable[[], bool]
    port: int | None = None
    other_ports: tuple[int, ...] = ()
    folder: Path | None = None
    needs: tuple[str, ...] = ()
    prepare: Callable[[], None] = field(default=_nothing)
    account: Account | None = None
    patience: float = 180.0
    grace: float = 30.0

    @property
    def ports(self) -> tuple[int, ...]:
        """All ports that it will listen on."""
        return (*((self.port,) if self.port else ()), *self.other_ports)


class Dependent(Protocol):
    """Something with a name that needs others to be started first."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def needs(self) -> tuple[str, ...]: ...  # noqa: D102


T = TypeVar("T", bound=Dependent)


def waves(parts: Iterable[T]) -> list[list[T]]:
    """Group parts so that each needs only parts of earlier groups; absent ones are ignored."""
    left = list(parts)
    groups: list[list[T]] = []
    while left:
        names = {part.name for part in left}
        group = [part for part in left if not names & set(part.needs)]
        if not group:
            raise ValueError(f"parts need each other: {', '.join(sorted(names))}")
        groups.append(group)
        left = [part for part in left if part not in group]
    return groups


def redis_url(ports: Ports) -> str:
    """The URL of the queue."""
    return f"redis://{LOOPBACK}:{ports.valkey}/0"


def index_url(kind: IndexKind, home: Path, ports: Ports) -> str:
    """The URL of the search index."""
    if kind == "embedded":
        return index_folder(home).as_uri()
    return f"http://{LOOPBACK}:{ports.search}"


def media_url(home: Path) -> str:
    """The URL of the media store."""
    return media_folder(home).as_uri()


def child_env(options: StackOptions, ports: Ports) -> dict[str, str]:
    """The environment of workers and gateway: ours, with the URLs of this stack."""
    roots = ":".join(str(root.resolve()) for root in options.import_roots)
    return {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "TRIPTYCH_REDIS_URL": redis_url(ports),
        "TRIPTYCH_INDEX_URL": index_url(options.index, options.home, ports),
        "TRIPTYCH_MEDIA_URL": media_url(options.home),
        **({"TRIPTYCH_IMPORT_ROOTS": roots} if roots else {}),
        **options.env,
    }


def build(
    options: StackOptions,
    ports: Ports,
    *,
    pause: Pause,
    say: distribution.Say,
) -> tuple[Part, ...]:
    """The chosen parts. Finds or fetches what they need, so it fails before anything starts."""
    makers: dict[str, Callable[[], Part]] = {
        "valkey": lambda: _valkey(options, ports),
        ELASTICSEARCH: lambda: _elasticsearch(options, ports, pause, say),
        **{f"worker-{kind}": _maker(options, ports, kind) for kind in WORKER_KINDS},
        "gateway": lambda: _gateway(options, ports),
    }
    return tuple(make() for name, make in makers.items() if name in options.chosen_parts)


def _maker(options: StackOptions, ports: Ports, kind: str) -> Callable[[], Part]:
    return lambda: _worker(options, ports, kind)


def _python(options: StackOptions, name: str) -> str:
    return str(options.pythons.get(name, sys.executable))


def _log(options: StackOptions, name: str) -> Path:
    return options.home / "logs" / f"{name}.log"


def _valkey(options: StackOptions, ports: Ports) -> Part:
    folder = options.home / "valkey"
    return Part(
        name="valkey",
        command=valkey.command(valkey.find_server(), port=ports.valkey, folder=folder),
        env=os.environ,
        log=_log(options, "valkey"),
        ready=lambda: redis_ok(ports.valkey),
        port=ports.valkey,
        folder=folder,
        prepare=lambda: folder.mkdir(parents=True, exist_ok=True),
    )


def _elasticsearch(
    options: StackOptions, ports: Ports, pause: Pause, say: distribution.Say
) -> Part:
    account = unprivileged()
    java = find_java(account)
    home = distribution.install(open_cache(account), pause=pause, say=say)
    folder = open_data(options.home, account)
    return Part(
        name=ELASTICSEARCH,
        command=[str(home / "bin" / "elasticsearch")],
        env=elasticsearch.environment(java=java, folder=folder, heap=options.heap),
        log=_log(options, ELASTICSEARCH),
        ready=lambda: http_ok(ports.search, _HEALTH),
        port=ports.search,
        other_ports=(ports.transport,),
        folder=folder,
        prepare=lambda: elasticsearch.configure(
            home, folder, name=options.name, ports=ports, account=account
        ),
        account=account,
    )


def _worker(options: StackOptions, ports: Ports, kind: str) -> Part:
    name = f"worker-{kind}"
    ready_file = options.home / "run" / f"{name}.ready"
    processes = options.image_workers if kind == "image" else 1

    def prepare() -> None:
        ready_file.parent.mkdir(parents=True, exist_ok=True)
        ready_file.unlink(missing_ok=True)

    return Part(
        name=name,
        command=[
            *(_python(options, name), "-m", "triptych.workers", kind),
            *("--concurrency", str(processes)),
        ],
        env=child_env(options, ports) | {"TRIPTYCH_READY_FILE": str(ready_file)},
        log=_log(options, name),
        ready=ready_file.exists,
        needs=STORES,
        prepare=prepare,
    )


def _gateway(options: StackOptions, ports: Ports) -> Part:
    folder = media_folder(options.home)
    return Part(
        name="gateway",
        command=[
            *(_python(options, "gateway"), "-m", "gunicorn"),
            *("--config", "python:triptych.gateway.gunicorn"),
            *("--bind", f"{LOOPBACK}:{ports.gateway}", "triptych.gateway.wsgi:app"),
        ],
        env=child_env(options, ports),
        log=_log(options, "gateway"),
        ready=lambda: http_ok(ports.gateway, "/readyz"),
        port=ports.gateway,
        folder=folder,
        needs=STORES,
        prepare=lambda: folder.mkdir(parents=True, exist_ok=True),
    )
