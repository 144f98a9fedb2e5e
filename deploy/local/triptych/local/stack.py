"""Start parts in order, watch them, stop them in reverse order."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from triptych.local.errors import PartFailed, StackError
from triptych.local.locks import Pause
from triptych.local.options import IndexKind
from triptych.local.parts import Part, index_url, media_url, redis_url, waves
from triptych.local.ports import Ports, is_free
from triptych.local.process import Process, alive, exit_code, spawn, stop, tail
from triptych.local.state import Running, State, forget, save

_LONGEST_PAUSE = 60.0


class Restarts:
    """When a part may be started again: at once, then after pauses that double up to a minute."""

    def __init__(self) -> None:
        self._pause = 0.0
        self._died: float | None = None
        self._started = -math.inf

    def due(self, now: float) -> bool:
        """Whether to start it now; called again and again while it is dead. Seconds."""
        if self._died is None:
            self._died = now
            lived_long = now - self._started > _LONGEST_PAUSE
            self._pause = 0.0 if lived_long else min(_LONGEST_PAUSE, max(1.0, 2 * self._pause))
        if now < self._died + self._pause:
            return False
        self._died, self._started = None, now
        return True


def _quiet(_text: str) -> None:
    """Print nothing."""


@dataclass
class Stack:
    """The parts of a stack and their processes; the state file in ``home`` follows every change."""

    home: Path
    ports: Ports
    parts: tuple[Part, ...]
    running: dict[str, Running] = field(default_factory=dict)
    supervisor: Process | None = None
    index: IndexKind = "elastic"
    pause: Pause = time.sleep
    say: Callable[[str], None] = _quiet

    @property
    def gateway_url(self) -> str:
        """The URL of the gateway."""
        return self.ports.gateway_url

    @property
    def redis_url(self) -> str:
        """The URL of the queue."""
        return redis_url(self.ports)

    @property
    def index_url(self) -> str:
        """The URL of the search index."""
        return index_url(self.index, self.home, self.ports)

    @property
    def media_url(self) -> str:
        """The fsspec URL of the media store."""
        return media_url(self.home)

    def start(self, *names: str) -> None:
        """Start the named parts, or all, and wait until they are ready.

        Parts that already run are kept, and waited for too. When one fails or the wait is
        interrupted, every part that this call started is stopped again.
        """
        chosen = self._chosen(names)
        fresh = [part for part in chosen if not self.alive(part.name)]
        _check_ports(fresh)
        try:
            for wave in waves(chosen):
                self._start_wave(wave, [part for part in wave if part in fresh])
        except BaseException:
            self.stop(*(part.name for part in fresh))
            raise

    def stop(self, *names: str) -> None:
        """Stop the named parts, or all, in reverse order."""
        for wave in reversed(waves(self._chosen(names))):
            self._end([part.name for part in wave], grace=max(part.grace for part in wave))

    def kill(self, *names: str) -> None:
        """Kill the named parts and their children at once, like a power cut."""
        self._end([part.name for part in self._chosen(names)], grace=0)

    def alive(self, name: str) -> bool:
        """Whether the part's process is running."""
        return name in self.running and alive(self.running[name].process)

    def check(self) -> None:
        """Raise ``PartFailed`` for the first part that died."""
        for part in self.parts:
            if part.name in self.running and not self.alive(part.name):
                raise self._failed(part, "died")

    def watch(self) -> None:
        """Wait until a part dies (``PartFailed``) or the pause raises."""
        while True:
            self.pause(0.5)
            self.check()

    def supervise(self) -> None:
        """Start parts again that die, after pauses that grow, until the pause raises."""
        restarts = {part.name: Restarts() for part in self.parts}
        while True:
            self.pause(0.5)
            for part in self.parts:
                if part.name not in self.running or self.alive(part.name):
                    continue
                if restarts[part.name].due(time.monotonic()):
                    self._restart(part)

    def _restart(self, part: Part) -> None:
        """Start a part that died, when nothing of it is left."""
        before = self.running[part.name]
        self.say(f"{self._failed(part, 'died')}\n{part.name}: starts again")
        stop([before.process], grace=0)
        try:
            self._launch(part, restarts=before.restarts + 1)
        except (OSError, StackError) as error:
            self.say(f"{part.name}: does not start: {error}")

    def _chosen(self, names: Sequence[str]) -> list[Part]:
        known = {part.name: part for part in self.parts}
        if unknown := [name for name in names if name not in known]:
            raise StackError(f"no part {unknown[0]!r}; this stack has {', '.join(known)}")
        return [part for part in self.parts if not names or part.name in names]

    def _start_wave(self, wave: Sequence[Part], fresh: Sequence[Part]) -> None:
        for part in fresh:
            self._launch(part)
        waiting = list(wave)
        since = time.monotonic()
        while waiting:
            for part in list(waiting):
                if not self.alive(part.name):
                    raise self._failed(part, "did not start")
                if part.ready():
                    waiting.remove(part)
                    self.say(f"{part.name}: ready after {time.monotonic() - since:.1f} s")
                elif time.monotonic() - since > part.patience:
                    raise self._failed(part, f"was not ready after {part.patience:.0f} s")
            self.pause(0.1)

    def _launch(self, part: Part, *, restarts: int = 0) -> None:
        part.prepare()
        process = spawn(
            part.command, env=part.env, log=part.log, cwd=part.folder, account=part.account
        )
        self.running[part.name] = Running(
            name=part.name,
            process=process,
            port=part.port,
            log=part.log,
            folder=part.folder,
            needs=part.needs,
            grace=part.grace,
            restarts=restarts,
        )
        self.remember()
        facts = {"port": part.port, "log": part.log, "folder": part.folder}
        self.say(
            f"{part.name}: " + ", ".join(f"{key} {value}" for key, value in facts.items() if value)
        )

    def _end(self, names: Sequence[str], *, grace: float) -> None:
        stop([self.running[name].process for name in names if name in self.running], grace=grace)
        for name in names:
            self.running.pop(name, None)
        self.remember()

    def _failed(self, part: Part, what: str) -> PartFailed:
        running = self.running.get(part.name)
        code = exit_code(running.process) if running else None
        suffix = f" (exit code {code})" if code is not None else ""
        return PartFailed(part.name, what + suffix, part.log, tail(part.log))

    def remember(self) -> None:
        """Write the state file; without a running part, delete it."""
        if self.running:
            state = State(
                ports=self.ports,
                index=self.index,
                supervisor=self.supervisor,
                running=self.running,
            )
            save(self.home, state)
        else:
            forget(self.home)


def _check_ports(parts: Sequence[Part]) -> None:
    """Raise StackError for a port in use before anything starts."""
    for part in parts:
        for port in part.ports:
            if not is_free(port):
                raise StackError(
                    f"port {port} for {part.name} is in use: choose others with --port"
                )
