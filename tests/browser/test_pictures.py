"""The pictures of the documentation, as the page looks. `make pictures` puts them there."""

import io
import os
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from browser.conftest import SHOTS
from browser.scenes import scenes

LARGEST = 200_000


@pytest.fixture
def landscapes(send, tmp_path):
    """A collection of drawn landscapes with their sounds."""
    send("landscapes", list(scenes(tmp_path)), tmp_path)
    return "landscapes"


def keep(page, name: str) -> None:
    """Keep what is seen as WebP, small enough for a repository."""
    folder = Path(os.environ.get("TRIPTYCH_PICTURES", SHOTS))
    folder.mkdir(parents=True, exist_ok=True)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.save(folder / f"{name}.webp", quality=86, method=6)
    assert (folder / f"{name}.webp").stat().st_size < LARGEST


def test_the_page_as_the_documentation_shows_it(make_context, landscapes, tmp_path):
    """A search by words and a picture; why an item was found."""
    context = make_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page = context.new_page()
    page.goto(f"/c/{landscapes}?q=a+red+sun")
    page.wait_for_load_state("networkidle")
    page.locator("#files").set_input_files(tmp_path / "sea-noon.png")
    expect(page.locator(".hit").first.locator("[data-signal=image]")).to_be_visible()
    page.mouse.move(0, 0)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    keep(page, "page")
    page.locator(".hit .open").first.click()
    expect(page.locator("#why .sentences li")).to_have_count(3)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(300)
    keep(page, "item")
