"""The how-to guides and the tutorial, executed as they stand on a stack without Elasticsearch.

Blocks of ``sh`` and ``python`` run as a reader types them: in order, in one shell, in a folder with
pictures. A block after a line that is only the name of a file becomes that file. A block ``text``
is what the block before it prints; ``…`` stands for anything. Other blocks are not run.
The same is done with the requests that the reference shows.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from triptych.local import Stack, StackOptions, running_stack

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [*sorted((DOCS / "how-to").glob("*.md")), DOCS / "tutorial.md"]
PAGES = [page for page in PAGES if "\n```sh\n" in page.read_text("utf-8")]
PAGES.sort(key=lambda page: page.stem == "keys")  # at last: then nobody else may do anything
BLOCK = re.compile(r"(?:^`([\w./-]+)`:\n\n)?^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
END = "=== end of a block ==="
PHOTOS = {
    "2023/penguin": "animals/birds/penguin",
    "2023/duck": "animals/birds/duck",
    "2024/elephant": "animals/mammals/elephant",
    "2024/owl": "animals/birds/owl",
}


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack that the pages speak to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("guided")))
        options = StackOptions(name="guided", port=0, index="embedded", image_workers=1, keep=False)
        with running_stack(options) as running:
            yield running


@pytest.fixture
def folder(stamps: Path, tmp_path: Path) -> Path:
    """The working folder of a reader: photos of two years, with captions and a sound."""
    for name, stamp in PHOTOS.items():
        place = tmp_path / "photos" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(stamps / f"{stamp}.png", f"{place}.png")
        caption = (stamps / f"{stamp}.txt").read_text("utf-8").splitlines()[0]
        Path(f"{place}.txt").write_text(caption)
    shutil.copy(stamps / "animals/mammals/elephant.ogg", tmp_path / "photos/2024/elephant.ogg")
    return tmp_path


@pytest.fixture
def zoo(folder: Path) -> Path:
    """The same folder with the files of the reference; there requests must not be refused."""
    for name in ("elephant.png", "elephant.ogg"):
        shutil.copy(folder / "photos/2024" / name, folder / name)
    shutil.copy(folder / "photos/2024/owl.png", folder / "toy.png")
    shutil.make_archive(str(folder / "2023"), "zip", folder / "photos/2023")
    (folder / ".curlrc").write_text("silent\nfail\n")
    return folder


def follow(page: Path, folder: Path, gateway: str) -> None:
    """Do what a page says, and compare what is printed with what it shows."""
    steps, shown = ["set -eo pipefail"], []
    text = page.read_text("utf-8").replace("localhost:8080", gateway.removeprefix("http://"))
    for name, kind, body in BLOCK.findall(text):
        if name:
            (folder / name).write_text(body, "utf-8")
        elif kind in {"sh", "python"}:
            steps += [body if kind == "sh" else f"python - <<'END'\n{body}END", f"echo '{END}'"]
            shown.append("")
        elif kind == "text":
            shown[-1] = body
    assert shown, "nothing to run"
    try:
        done = run("\n".join(steps), folder, gateway)
    finally:
        for state in folder.glob("*/state.json"):  # a stack that the page has started
            stop = [sys.executable, "-m", "triptych.local", "down", "--data", str(state.parent)]
            subprocess.run(stop, capture_output=True, check=False)
    printed = done.stdout.split(f"{END}\n")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    for expected, output in zip(shown, printed, strict=False):
        if expected:
            pattern = ".*?".join(re.escape(part) for part in expected.strip().split("…"))
            assert re.fullmatch(pattern, output.strip(), re.DOTALL), f"{expected}\n!=\n{output}"


def run(script: str, folder: Path, gateway: str) -> subprocess.CompletedProcess[str]:
    """What the commands of a page print, where it speaks to a gateway."""
    return subprocess.run(
        [shutil.which("bash") or "bash", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TRIPTYCH_URL": gateway,
            "XDG_DATA_HOME": str(folder / "share"),
            "COLUMNS": "100",
            "CURL_HOME": str(folder),
        },
        timeout=240,
    )


def test_requests_of_the_reference_work(guided: Stack, zoo: Path):
    """Those of the API, then those of searches for what they have added."""
    follow(DOCS / "api.md", zoo, guided.gateway_url)
    follow(DOCS / "search.md", zoo, guided.gateway_url)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_works(page: Path, guided: Stack, folder: Path):
    """Every line of it that can be run."""
    follow(page, folder, guided.gateway_url)
