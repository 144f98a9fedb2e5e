"""A real browser before a real stack with the embedded index."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from browser import chromium
from support import settle, wait_for
from triptych.cli import sample
from triptych.client import Client
from triptych.local import Stack, StackOptions, running_stack

expect.set_options(timeout=60_000)  # a busy machine takes its time
SHOTS = Path(__file__).parent / "screenshots"
SCRIPT = Path(__file__).parent / "testing.js"
ELSEWHERE = "192.0.2.1"
"""This machine, which the browser takes for another one."""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack."""
    options = StackOptions(name="browser", port=0, index="embedded", image_workers=1, keep=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("browser")))
        with running_stack(options) as running:
            yield running


@pytest.fixture(scope="session")
def api(site: Stack) -> Iterator[httpx.Client]:
    """The API of the stack."""
    with httpx.Client(base_url=site.gateway_url, timeout=60) as connected:
        yield connected


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen shapes: a picture, a sound and a text of each, made here."""
    root = tmp_path_factory.mktemp("shapes")
    for line in sample.corpus(root).lines:
        (root / f"{line['id']}.txt").write_text(line["text"])
    return root


@pytest.fixture(scope="session")
def send(site: Stack, api: httpx.Client) -> Callable[[str, list[dict[str, Any]], Path | None], str]:
    """Adds items to a collection without the browser; gives the batch, which has ended."""

    def send(name: str, lines: list[dict[str, Any]], folder: Path | None = None) -> str:
        manifest = "\n".join(map(json.dumps, lines))
        media = [line[part] for line in lines for part in ("image", "audio") if part in line]
        files = [("files", (one, (folder / one).read_bytes())) for one in media]
        files.append(("manifest", ("manifest.jsonl", manifest.encode())))
        response = api.post(f"/v1/collections/{name}/batches", files=files)
        assert response.status_code == 202, response.text
        with Client(site.gateway_url) as client:
            wait_for(client, response.json()["batch"])
        settle(api, name)
        return response.json()["batch"]

    return send


@pytest.fixture(scope="session")
def stocked(send: Callable[..., str], shapes: Path) -> str:
    """A collection of the shapes."""
    send(
        "shapes",
        list(map(json.loads, (shapes / "manifest.jsonl").read_text().splitlines())),
        shapes,
    )
    return "shapes"


@pytest.fixture(scope="session")
def patchy(send: Callable[..., str], shapes: Path) -> str:
    """A collection of the shapes of which two in three lack a part."""
    lines = list(map(json.loads, (shapes / "manifest.jsonl").read_text().splitlines()))
    for number, line in enumerate(lines):
        if lacked := (None, "image", "text")[number % 3]:
            line.pop(lacked, None)
    send("patchy", lines, shapes)
    return "patchy"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium."""
    path = chromium.find()
    with sync_playwright() as driver:
        devices = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        elsewhere = f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"
        flags = [*chromium.flags(), *devices, elsewhere]
        started = driver.chromium.launch(executable_path=path, args=flags)
        yield started
        started.close()


@pytest.fixture
def make_context(site: Stack, browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes contexts, each with storage of its own."""
    made: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        context = browser.new_context(base_url=site.gateway_url, **options)
        context.set_default_timeout(30_000)
        context.add_init_script(path=SCRIPT)
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture
def page(make_context: Callable[..., BrowserContext]) -> Iterator[Page]:
    """A page, in which no script may fail and nothing may break the policy."""
    opened = make_context(viewport={"width": 1280, "height": 900}).new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    assert errors == []
    assert opened.evaluate("window.violations ?? []") == []


@pytest.fixture
def shot(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Keeps pictures of pages, for people to look at."""

    def shoot(page: Page, name: str = "", **options: Any) -> None:
        SHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SHOTS / f"{request.node.name}{name and '-'}{name}.png", **options)

    return shoot


@pytest.fixture
def collection() -> str:
    """A collection name of this test alone."""
    return f"b{uuid.uuid4().hex[:12]}"
