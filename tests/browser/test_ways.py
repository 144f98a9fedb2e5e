"""What people do with the page, from dropping files to finding them."""

import base64
import re
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from browser.conftest import ELSEWHERE
from triptych.cli.variations import mirrored_crop, second_half

TYPES = {".png": "image/png", ".wav": "audio/wav", ".txt": "text/plain"}


def drop(page: Page, files: dict[str, bytes | int]) -> None:
    """Drop files, of these bytes or of so many zeros."""
    sent = [
        [
            name,
            TYPES.get(Path(name).suffix, ""),
            data if isinstance(data, int) else base64.b64encode(data).decode(),
        ]
        for name, data in files.items()
    ]
    page.evaluate("files => testing.drop(files)", sent)


def ids(page: Page) -> list[str]:
    """The ids of the hits on the page, best first."""
    return page.locator(".hit").evaluate_all("all => all.map((one) => one.dataset.id)")


def contributions(page: Page) -> dict[str, dict[str, float]]:
    """By id and signal, the numbers of the bars."""
    return page.evaluate("testing.contributions()")


def settled(page: Page) -> None:
    """Wait until the hits on the page are those of the last question."""
    page.wait_for_timeout(400)
    expect(page.locator("#hits[aria-busy]")).to_have_count(0)


def test_from_dropping_files_to_finding_them(page, shapes, collection, shot):
    """By text, by picture and by sound; the files are searched as they were dropped."""
    page.goto(f"/c/{collection}/upload")
    files = {path.name: path.read_bytes() for path in shapes.iterdir() if path.suffix in TYPES}
    drop(page, files)
    expect(page.locator(".batch[data-state=done]")).to_be_visible(timeout=120_000)
    expect(page.locator(".counts")).to_have_text("done: 16 of 16 items")
    shot(page, "added")
    page.get_by_role("link", name="Search", exact=True).click()
    expect(page.locator("#count")).to_have_text("16 items")
    page.get_by_label("Words").first.fill("hexagon")
    expect(page.locator(".hit mark").first).to_have_text("hexagon")
    settled(page)
    assert all("hexagon" in one for one in ids(page)[:4])
    shot(page, "words")
    page.get_by_label("Words").first.fill("")
    picture = mirrored_crop((shapes / "blue-triangle.png").read_bytes())
    drop(page, {"snapshot.png": picture})
    expect(page.locator(".hit").first).to_have_attribute("data-id", "blue-triangle")
    shot(page, "picture")
    page.get_by_role("button", name="Remove snapshot.png").click()
    drop(page, {"half.wav": second_half((shapes / "red-square.wav").read_bytes())})
    expect(page.locator(".hit").first).to_have_attribute("data-id", "red-square")
    page.go_back()
    page.go_back()
    expect(page.get_by_role("button", name="Remove snapshot.png")).to_be_visible()
    expect(page.locator(".hit").first).to_have_attribute("data-id", "blue-triangle")


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("q=red+circle", {"text": "red circle"}),
        ("q=red&not=square", {"text": "red", "not": {"text": "square"}}),
        ("q=blue&fusion=rrf&w=text:2", {"text": "blue", "fusion": "rrf", "weights": {"text": 2}}),
        ("q=red&like=blue-triangle", {"text": "red", "like": ["blue-triangle"]}),
    ],
)  # fmt: skip
def test_bars_are_the_numbers_of_the_api(page, api, stocked, address, body):
    """Of each signal of each hit, negative ones too; and what is drawn is as long."""
    page.goto(f"/c/{stocked}?{address}")
    settled(page)
    hits = api.post(f"/v1/collections/{stocked}/search", json={**body, "limit": 24}).json()["hits"]
    assert ids(page) == [hit["id"] for hit in hits]
    assert contributions(page) == {
        hit["id"]: {name: one["contribution"] for name, one in hit["why"].items()} for hit in hits
    }
    if "not" in body:
        assert any(one["not.text"] < 0 for one in contributions(page).values())
    first = page.locator("#hits > .hit").first
    assert first.locator(".number").inner_text() == f"{hits[0]['score']:.3f}"
    for name, reason in hits[0]["why"].items():
        text = first.locator(f"[data-signal='{name}'] b").inner_text()
        assert text.replace("−", "-") == f"{reason['contribution'] + 0.0:+.3f}"
    widths = first.locator("rect").evaluate_all(
        "all => all.map((one) => Number(one.getAttribute('width')))"
    )
    assert sorted(widths) == pytest.approx(
        sorted(abs(one["contribution"]) * 100 for one in hits[0]["why"].values())
    )


@pytest.mark.parametrize(
    ("items", "fusion"),
    [
        *product(["stocked", "patchy"], ["linear", "product", "dbsf"]),
        ("stocked", "rrf"),  # where items lack parts, other weights change ranks
    ],
)
@pytest.mark.parametrize("extra", ["", "&like=blue-triangle&not=square"])
def test_weights_re_rank_at_once(page, api, request, *, fusion, extra, items):
    """Before the API is asked: in the order, and with the numbers, that it gives then."""
    items = request.getfixturevalue(items)
    page.goto(f"/c/{items}?q=red+circle&fusion={fusion}{extra}")
    settled(page)
    before = ids(page)
    page.locator("#refine").evaluate("one => { one.open = true; }")
    questions = []
    page.route(
        "**/search", lambda route: (questions.append(route.request.post_data_json), route.abort())
    )
    page.locator("#w-keyword").fill("0.1")
    page.locator("#w-text").fill("3")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    shown = contributions(page)
    order = ids(page)
    while not questions or questions[-1]["weights"] != {"keyword": 0.1, "text": 3}:
        page.wait_for_timeout(50)
    assert "w=keyword" in page.url
    answer = api.post(f"/v1/collections/{items}/search", json=questions[-1]).json()
    assert sorted(before) == sorted(hit["id"] for hit in answer["hits"])
    assert answer["fusion"] == fusion or not extra  # a product of one part is a sum
    for hit in answer["hits"]:
        for name, reason in hit["why"].items():
            assert shown[hit["id"]][name] == pytest.approx(reason["contribution"], abs=1e-6), name
    assert order == [hit["id"] for hit in answer["hits"]]
    page.unroute("**/search")


def test_late_answers_are_dropped(page, stocked):
    """The answer to what was asked last is shown, whichever comes last."""
    page.goto(f"/c/{stocked}")
    settled(page)

    def slow(route):
        if (route.request.post_data_json or {}).get("text") == "hexagon":
            page.wait_for_timeout(1000)
        route.continue_()

    page.route("**/search", slow)
    box = page.get_by_label("Words").first
    box.fill("hexagon")
    page.wait_for_timeout(350)
    box.fill("circle")
    page.wait_for_timeout(1500)
    settled(page)
    assert "circle" in ids(page)[0]
    assert page.url.endswith("q=circle")


def test_filters_and_back(page, stocked):
    """They are in the address; Back and Forward go through the searches."""
    page.goto(f"/c/{stocked}")
    settled(page)
    page.get_by_role("checkbox", name="red", exact=False).check()
    expect(page.locator("#count")).to_have_text("4 items")
    assert page.url.endswith("?tags=red")
    page.get_by_role("checkbox", name="circle").check()
    expect(page.locator("#count")).to_have_text("1 item")
    page.go_back()
    expect(page.locator("#count")).to_have_text("4 items")
    expect(page.get_by_role("checkbox", name="circle")).not_to_be_checked()
    page.locator("#near").fill("somewhere")
    page.locator("#near").press("Enter")
    expect(page.locator("#problem")).to_contain_text("3 numbers are accepted")


def test_the_page_of_an_item_tells_why(page, stocked, shapes, shot):
    """In words, with the numbers of the hit, also where the query was a picture of one's own."""
    page.goto(f"/c/{stocked}?q=hexagon&not=blue")
    settled(page)
    number = page.locator(".hit .number").first.inner_text()
    page.locator(".hit .open").first.click()
    expect(page.get_by_role("heading", name="Why it was found")).to_be_visible()
    why = page.locator("#why")
    expect(why).to_contain_text(f"Its score is {number}.")
    expect(why).to_contain_text("It has the word “hexagon”")
    shot(page, "words")
    page.get_by_role("link", name="← Back to the search").click()
    assert "q=hexagon" in page.url
    page.goto(f"/c/{stocked}")
    drop(page, {"a.png": (shapes / "red-circle.png").read_bytes()})
    expect(page.locator(".hit").first).to_have_attribute("data-id", "red-circle")
    page.locator(".hit .open").first.click()
    expect(page.locator("#why")).to_contain_text("It is like the picture, to")


def test_similar(page, stocked):
    """From a hit, and from the page of an item."""
    page.goto(f"/c/{stocked}?q=hexagon")
    settled(page)
    name = ids(page)[0]
    page.locator(".hit").first.hover()
    page.get_by_role("button", name=f"Similar to {name}").click()
    settled(page)
    assert f"like={name}" in page.url
    assert name not in ids(page)
    assert ids(page)


def test_camera_and_microphone(page, stocked):
    """What they take is searched like a file; here they are made up by the browser."""
    page.goto(f"/c/{stocked}")
    settled(page)
    page.get_by_role("button", name="Camera").click()
    while not page.evaluate("document.querySelector('video')?.videoWidth > 0"):
        page.wait_for_timeout(100)
    page.get_by_role("button", name="Take the picture").click()
    expect(page.locator("#parts .label")).to_have_text("camera.jpg")
    expect(page.locator(".hit [data-signal=image]").first).to_be_visible()
    page.get_by_role("button", name="Remove camera.jpg").click()
    page.get_by_role("button", name="Record").click()
    page.wait_for_timeout(2500)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#parts .label")).to_have_text("recording.weba")
    expect(page.locator(".hit [data-signal=audio]").first).to_be_visible()
    expect(page.locator("#problem")).to_be_hidden()


def test_more_may_be_tried_again(page, stocked):
    """After a limit, and after a lost network; pages that are too old are at their end."""
    gone = {"status": 400, "type": "urn:triptych:problem:cursor-expired", "title": "gone"}
    answers = [
        lambda route: route.fulfill(status=429, json={"title": "busy", "detail": "slower"}),
        lambda route: route.abort("internetdisconnected"),
        lambda route: route.fulfill(
            json={"hits": hits[8:12], "cursor": "b", "total": total, "facets": {}}
        ),
        lambda route: route.fulfill(status=400, json=gone),
    ]
    hits: list[dict[str, Any]] = []
    total = {"value": 16, "relation": "eq"}

    def answer(route):
        if route.request.post_data_json.get("cursor", "*") != "*":
            answers.pop(0)(route)
        else:
            found = route.fetch().json()
            hits.extend(found["hits"])
            route.fulfill(json={**found, "hits": hits[:8], "cursor": "a"})

    # No more is asked for by itself.
    page.add_init_script("window.IntersectionObserver = class { observe() {} unobserve() {} }")
    page.route("**/search", answer)
    page.goto(f"/c/{stocked}?q=circle")
    more = page.get_by_role("button", name="Show more")
    for told in ("slower", "does not answer"):
        more.click()
        expect(page.locator("#problem")).to_contain_text(told)
    more.click()
    expect(page.locator(".hit")).to_have_count(12)
    expect(page.locator("#problem")).to_be_hidden()
    more.click()
    expect(page.locator("#problem")).to_contain_text("too old by now")
    expect(more).to_be_hidden()
    assert answers == []


def test_a_sound_that_does_not_know_its_length(page, stocked):
    """Such as recordings of browsers: the waveform tells it."""
    page.add_init_script(
        "Object.defineProperty(HTMLMediaElement.prototype, 'duration', { get: () => Infinity })"
    )
    page.goto(f"/c/{stocked}/items/red-circle")
    place = page.get_by_role("slider", name="Position in the sound of red-circle")
    expect(place).to_have_attribute("aria-valuemax", re.compile("[1-9]"))
    place.click()
    seconds = page.locator(".player audio").evaluate("one => one.currentTime")
    assert 0 < seconds < int(place.get_attribute("aria-valuemax"))
    expect(page.locator(".player .time")).to_have_text(re.compile(r"^0:0\d$"))


def test_plain_http_from_elsewhere(page, site, stocked):
    """Everything works but what browsers give to nobody there, which is said."""
    page.goto(f"http://{ELSEWHERE}:{urlsplit(site.gateway_url).port}/c/{stocked}")
    assert not page.evaluate("isSecureContext")
    settled(page)
    box = page.get_by_label("Words").first
    box.fill("hexagon")
    expect(page.locator(".hit mark").first).to_have_text("hexagon")
    box.press("Enter")
    page.reload()
    page.get_by_role("checkbox", name="red", exact=False).check()
    expect(page.locator("#count")).to_have_text("4 items")
    page.go_back()
    expect(page.locator("#count")).to_have_text("16 items")
    for name, what in (("Camera", "camera"), ("Record", "microphone"), ("Near here", "place")):
        page.locator("#filters").evaluate("one => { one.open = true; }")
        page.get_by_role("button", name=name).click()
        expect(page.locator("#problem")).to_have_text(
            f"Browsers give the {what} only to pages over HTTPS."
        )


def test_what_is_no_picture_says_so(page, stocked, shot):
    """A text as such, one that is called a picture, and 2 GB."""
    page.goto(f"/c/{stocked}")
    settled(page)
    drop(page, {"notes.txt": b"a text"})
    expect(page.locator("#problem")).to_contain_text("notes.txt is neither a picture nor a sound")
    drop(page, {"fake.png": b"a text"})
    expect(page.locator("#problem")).to_contain_text("image")
    shot(page)
    page.get_by_role("button", name="Remove fake.png").click()
    settled(page)
    drop(page, {"film.mp4": 2**31})
    expect(page.locator("#problem")).to_contain_text("film.mp4 has 2.1 GB")


def test_a_batch_that_fails_altogether_says_why(page, collection, shot):
    """With the reason of each item, and on a page of its own."""
    page.goto(f"/c/{collection}/upload")
    drop(page, {"fake.png": b"a text", "paper.pdf": b"%PDF-1.7"})
    expect(page.locator(".batch[data-state=done]")).to_be_visible(timeout=60_000)
    expect(page.locator("#jobs")).to_contain_text("Nothing of this batch can be searched")
    expect(page.locator(".failures")).to_contain_text("fake")
    shot(page)
    page.get_by_role("link", name="This batch has a page of its own").click()
    expect(page.locator(".failures")).to_contain_text("fake")
    first = page.url
    page.get_by_role("button", name="Try the failed ones again").click()
    page.wait_for_url(lambda url: url != first)
    expect(page.locator(".failures")).to_contain_text("fake", timeout=60_000)


def test_a_paused_upload_can_be_cancelled(page, collection):
    """At once; the gateway is told."""
    page.goto(f"/c/{collection}/upload")
    held = []
    page.route(
        "**/v1/uploads/*",
        lambda route: held.append(route) if route.request.method == "PATCH" else route.continue_(),
    )
    drop(page, {"a.png": 20 * 2**20})
    while not held:
        page.wait_for_timeout(50)
    page.get_by_role("button", name="Pause").click()
    held.pop().continue_()
    bar = page.get_by_label("Sending a.png")
    while not bar.evaluate("one => one.value"):
        page.wait_for_timeout(50)
    with page.expect_request(lambda one: one.method == "DELETE"):
        page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert")).to_have_text("Cancelled: nothing of it was added.")
    assert held == []


@pytest.fixture
def watched(page, api, stocked):
    """The page of a batch that runs for ever; what is asked for, of events and of its state."""
    (batch,) = api.get("/v1/batches", params={"collection": stocked}).json()["batches"]
    address = f"/batches/{batch['batch']}"
    events: list[Route] = []
    looks: list[Route] = []

    def answer(route):
        if route.request.url.endswith("/events"):
            events.append(route)
        elif "/v1/" in route.request.url:
            looks.append(route)
        else:
            found = route.fetch()
            text = found.text().replace("&#34;done&#34;", "&#34;running&#34;", 1)
            route.fulfill(response=found, body=text)

    page.route(re.compile(f"{address}(/events)?$"), answer)
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.goto(address)
    while not events:
        page.wait_for_timeout(50)
    return SimpleNamespace(batch=batch, events=events, looks=looks)


def lose(page: Page, events: list[Route]) -> None:
    """Lose the events of a batch, and wait until the page knows."""
    events.pop().abort()
    page.evaluate("fetch('/healthz').then((answer) => answer.text())")


def test_a_batch_that_is_gone_is_not_asked_for_again(page, watched):
    """The answer does not change."""
    lose(page, watched.events)
    page.clock.run_for(2000)
    while not watched.looks:
        page.wait_for_timeout(50)
    watched.looks.pop().fulfill(status=404, json={"title": "Not found", "detail": "no such batch"})
    expect(page.get_by_role("alert")).to_have_text("no such batch")
    page.clock.run_for(60_000)
    page.evaluate("fetch('/healthz').then((answer) => answer.text())")
    assert watched.looks == []


def test_a_batch_is_watched_in_one_way(page, watched):
    """By its events once there are any again, and by looking only until then."""
    lose(page, watched.events)
    page.route("**/pause", lambda route: route.fulfill(json={**watched.batch, "state": "paused"}))
    page.get_by_role("button", name="Pause").click()
    while not watched.events:
        page.wait_for_timeout(50)
    page.clock.run_for(60_000)
    page.evaluate("fetch('/healthz').then((answer) => answer.text())")
    assert watched.looks == []


def test_a_lost_network_resumes_an_upload(page, collection, shapes):
    """Nothing that has arrived is sent again."""
    page.goto(f"/c/{collection}/upload")
    offsets = []

    def lose(route):
        offsets.append(int(route.request.headers["upload-offset"]))
        if len(offsets) == 3:
            page.context.set_offline(True)
            route.abort("internetdisconnected")
        else:
            route.continue_()

    page.route(
        "**/v1/uploads/*",
        lambda route: lose(route) if route.request.method == "PATCH" else route.continue_(),
    )
    created = []
    page.on(
        "request",
        lambda one: (
            created.append(one)
            if one.method == "POST" and one.url.endswith("/v1/uploads")
            else None
        ),
    )
    picture = (shapes / "red-circle.png").read_bytes()
    drop(page, {"a.png": picture, "b.png": 20 * 2**20})
    expect(page.locator("#jobs")).to_contain_text("The network or the gateway is away")
    assert len(offsets) == 3
    page.context.set_offline(False)
    expect(page.locator(".batch[data-state=done]")).to_be_visible(timeout=60_000)
    expect(page.locator(".counts")).to_contain_text("2 of 2 items · 1 failed")
    assert len(created) == 1
    assert offsets[3] == offsets[2] == 2 * offsets[1]
    assert offsets == sorted(offsets)
