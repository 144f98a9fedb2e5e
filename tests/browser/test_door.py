"""The page of a gateway that wants a key."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from browser.conftest import SCRIPT
from triptych.client import Client
from triptych.local import Stack, StackOptions, running_stack

MASTER = "master-0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with a first key."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("keyed")))
        options = StackOptions(
            name="door", port=0, index="embedded", image_workers=1, keep=False,
            env={"TRIPTYCH_ADMIN_KEY": MASTER},
        )  # fmt: skip
        with running_stack(options) as running:
            yield running


@pytest.fixture(scope="module")
def keys(keyed: Stack) -> dict[str, str]:
    """One that may add, one that may look only, and one of another collection."""
    with Client(keyed.gateway_url, key=MASTER) as client:
        client.create_collection("zoo")
        looks = ["search", "read"]
        return {
            name: client.create_key(name, scopes, [collection])["key"]
            for name, scopes, collection in (
                ("adds", [*looks, "ingest"], "zoo"),
                ("looks", looks, "zoo"),
                ("foreign", looks, "bank"),
            )
        }


@pytest.fixture
def come(keyed: Stack, browser: Browser) -> Iterator[Callable[[], Page]]:
    """Opens browsers that know no key."""
    contexts = []

    def open_page() -> Page:
        context = browser.new_context(base_url=keyed.gateway_url)
        context.set_default_timeout(30_000)
        context.add_init_script(path=SCRIPT)
        contexts.append(context)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()


def sign_in(page: Page, key: str) -> None:
    """Give a key to the form."""
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_a_key_opens_the_page(come, keys, shapes, keyed):
    """To the page that was wanted: files are added, pictures shown; then it is closed again."""
    page = come()
    page.goto("/c/zoo/upload?from=link")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    serious = [one for one in Axe().run(page).response["violations"] if one["impact"] != "minor"]
    assert serious == []
    sign_in(page, "tk_0123456789ab_" + "0" * 48)
    expect(page.get_by_role("alert")).to_be_visible()
    sign_in(page, keys["adds"])
    page.wait_for_url("**/c/zoo/upload?from=link")
    picture = (shapes / "red-circle.png").read_bytes()
    page.locator("input[type=file]").first.set_input_files(
        {"name": "red-circle.png", "mimeType": "image/png", "buffer": picture}
    )
    expect(page.locator(".batch[data-state=done]")).to_be_visible(timeout=120_000)
    page.get_by_role("link", name="zoo").click()
    shown = page.locator("#hits img").first
    expect(shown).to_be_visible()
    assert shown.evaluate("one => one.decode().then(() => one.naturalWidth)") > 0
    cookie = page.context.cookies()[0]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    answer = httpx.get(f"{keyed.gateway_url}/v1/collections/zoo/items/red-circle/thumbnail")
    assert answer.status_code == 401


def test_a_key_opens_no_more_than_it_may(come, keys):
    """What it may not is not offered, and refused with the reason where somebody goes there."""
    page = come()
    page.goto("/c/zoo")
    sign_in(page, keys["looks"])
    page.wait_for_url("**/c/zoo")
    expect(page.get_by_role("link", name="Add", exact=True)).to_have_count(0)
    assert page.goto("/c/zoo/upload").status == 403
    expect(page.locator("main")).to_contain_text("ingest")
    other = come()
    other.goto("/c/zoo")
    sign_in(other, keys["foreign"])
    assert other.goto("/c/zoo").status == 403
    assert "zoo" not in other.goto("/collections").text()


def test_a_key_that_is_revoked_ends_its_sessions(come, keys, keyed):
    """At the next thing that somebody does on the page, which another key goes on with."""
    with Client(keyed.gateway_url, key=MASTER) as client:
        made = client.create_key("soon gone", ["search", "read"], ["zoo"])
        page = come()
        page.goto("/c/zoo")
        sign_in(page, made["key"])
        expect(page.get_by_label("Words").first).to_be_visible()
        client.revoke_key(made["id"])
    page.get_by_label("Words").first.fill("circle")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(page, keys["looks"])
    page.wait_for_url("**/c/zoo?q=circle")
