"""Large decoders run in a process of their own, which holds as little as the kernel lets it hold.

Once its libraries are loaded, the process can open nothing: no file, no socket, no pipe. It knows
none of its parent's secrets. Its memory is bounded, and its time for each piece of work. What goes
wrong in it ends it, and nothing else.

A process does one piece of work after another, so that small ones don't wait for it to start. It
is replaced after a while, and after what was large.

On the wire each message is a letter, the length of the body (4 bytes, little-endian) and the body.
The parent sends arguments as JSON and the bytes to decode; the answer is any number of messages
and an end, or a refusal.
"""

import atexit
import json
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import IO, Any

from triptych.core.errors import InvalidInput, MediaError, TooLarge

Message = tuple[bytes, bytes | bytearray]
"""A letter and a body."""
Work = Callable[[dict[str, Any], bytes], Iterator[Message]]
"""Arguments and bytes to messages; raises Refused."""

ARGUMENTS, DATA, END, REFUSAL, LARGE = b"A", b"D", b"E", b"R", b"M"
MEMORY = 768 * 2**20
"""Bytes of address space over that of the libraries."""
CPU_SECONDS, WALL_SECONDS = 120, 600
"""For one piece of work."""
_WORKS = 100
"""After which a process is replaced."""
_LARGE = 8 * 2**20
"""Bytes of work after which a process is not kept: what it took, it might not give back."""
_HEAD = struct.Struct("<cI")
_START = f"import sys; sys.path[:] = sys.argv[2:]; from {__name__} import main; main()"
_BY_EXCEPTION = 1
"""How Python ends after an exception that nobody caught."""
_PASSED = ("PATH", "LD_", "DYLD_", "OMP_", "OPENBLAS_")
"""How the variables begin that a process gets: others may be secrets."""


class Refused(Exception):
    """Raised in the process by its work: the bytes can't be decoded."""


class Sandbox:
    """The processes that do one kind of work: of those that are idle one is kept."""

    def __init__(self, module: str) -> None:
        """``module`` has the functions ``prepare``, which loads libraries, and ``work``."""
        self._module = module
        self._idle: list[_Process] = []
        self._lock = Lock()
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self.close)

    def __call__(self, arguments: dict[str, Any], data: bytes) -> Generator[Message]:
        """Messages of one piece of work, as they are made.

        Raises:
            MediaError: the bytes can't be decoded, or the process died of them.
            TooLarge: they take too much time or memory.
        """
        process = self._taken()
        try:
            yield from process.messages(arguments, data)
        finally:  # also where the caller wants no more
            if len(data) >= _LARGE or not self._put_back(process):
                process.end()

    def close(self) -> None:
        """End the process that is idle."""
        with self._lock:
            while self._idle:
                self._idle.pop().end()

    def _taken(self) -> "_Process":
        """The process that is idle if nothing has killed it meanwhile, or else a new one."""
        with self._lock:
            while self._idle:
                if (process := self._idle.pop()).is_alive:
                    return process
                process.end()
            return _Process(self._module)

    def _put_back(self, process: "_Process") -> bool:
        with self._lock:
            if self._idle or not process.is_free or process.works >= _WORKS:
                return False
            self._idle.append(process)
            return True

    def _forget(self) -> None:
        """A forked process has no part in the conversations of its parent."""
        self._idle, self._lock = [], Lock()


class _Process:
    """A process in its sandbox, as seen from outside."""

    def __init__(self, module: str) -> None:
        self.works = 0
        self.is_free = True
        """Whether it has answered all that it was asked."""
        self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
            [sys.executable, "-I", "-c", _START, module, *filter(None, sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={name: value for name, value in os.environ.items() if name.startswith(_PASSED)},
        )

    def messages(self, arguments: dict[str, Any], data: bytes) -> Iterator[Message]:
        self.works, self.is_free = self.works + 1, False
        deadline = time.monotonic() + WALL_SECONDS
        try:
            _send(self._stdin, ARGUMENTS, json.dumps(arguments).encode())
            _send(self._stdin, DATA, data)
        except BrokenPipeError:
            raise self._died() from None
        while True:
            kind, size = _HEAD.unpack(self._read(_HEAD.size, deadline))
            body = self._read(size, deadline)
            self.is_free = kind in (END, REFUSAL, LARGE)
            if kind == END:
                return
            if kind == REFUSAL:
                raise MediaError(body.decode(errors="replace"))
            if kind == LARGE:
                raise TooLarge(f"it takes more than {MEMORY >> 20} MiB to decode")
            yield kind, body

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None  # noqa: S101 (it is a pipe)
        return self._process.stdin

    def _read(self, size: int, deadline: float) -> bytearray:
        assert self._process.stdout is not None  # noqa: S101 (it is a pipe)
        pipe = self._process.stdout
        body = bytearray(size)
        rest = memoryview(body)
        while rest:
            poll = select.poll()
            poll.register(pipe, select.POLLIN)
            if not poll.poll(max(0.0, 1000 * (deadline - time.monotonic()))):
                raise TooLarge(f"it takes more than {WALL_SECONDS} s to decode")
            if not (read := pipe.readinto(rest)):  # type: ignore[attr-defined]
                raise self._died()
            rest = rest[read:]
        return body

    def _died(self) -> InvalidInput:
        code = self._process.wait()
        if code == -signal.SIGXCPU:
            return TooLarge(f"it takes more than {CPU_SECONDS} s to decode")
        if code == _BY_EXCEPTION:
            raise RuntimeError("a decoder's process has failed: its error is on stderr")
        cause = signal.Signals(-code).name if code < 0 else f"exit {code}"
        return MediaError(f"its decoder has died of it ({cause})")

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        """Kill it, and take note of its end."""
        self._process.kill()
        self._process.wait()
        self._stdin.close()
        assert self._process.stdout is not None  # noqa: S101 (it is a pipe)
        self._process.stdout.close()


def main() -> None:
    """Be the process: load the libraries of the module, let go of everything else, and work."""
    module = import_module(sys.argv[1])
    module.prepare()
    _confine()
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while head := requests.read(_HEAD.size):
        arguments = json.loads(requests.read(_HEAD.unpack(head)[1]))
        data = requests.read(_HEAD.unpack(requests.read(_HEAD.size))[1])
        _allow_time()
        try:
            for kind, body in module.work(arguments, data):
                _send(answers, kind, body)
            _send(answers, END, b"")
        except Refused as error:
            _send(answers, REFUSAL, str(error).encode())
        except MemoryError:
            _send(answers, LARGE, b"")
        answers.flush()


def _confine() -> None:
    """What is open stays open, but nothing else can be opened, and there is a bound on memory."""
    if sys.platform == "linux":  # elsewhere the kernel does not keep such a limit
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + MEMORY)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, 0)


def _limit(what: int, most: int) -> None:
    resource.setrlimit(what, (most, most))


def _allow_time() -> None:
    """For the next piece of work; the kernel ends the process after it."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = usage.ru_utime + usage.ru_stime
    most = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 1 + CPU_SECONDS, most))


def _send(pipe: IO[bytes], kind: bytes, body: bytes | bytearray) -> None:
    pipe.write(_HEAD.pack(kind, len(body)))
    view = memoryview(body)
    while view:
        view = view[pipe.write(view) :]  # a raw pipe takes a part at a time
