"""Previews are made as items are indexed, once, and go with them."""

import io

import pytest
from PIL import Image

from triptych.core.settings import Settings
from triptych.engine import Engine
from triptych.media import previews
from unit.media.sounds import tone, write


@pytest.fixture
def engine(tmp_path):
    """With nothing in it; what is deleted goes at once."""
    settings = Settings.of_folder(tmp_path).model_copy(update={"media_grace": 0})
    with Engine.open(settings) as opened:
        yield opened


def picture(shade: int = 200) -> bytes:
    """A grey one."""
    file = io.BytesIO()
    Image.new("L", (1500, 900), shade).save(file, "PNG")
    return file.getvalue()


SOUND = write(tone(22_050, 1), 22_050)


def test_they_are_there_before_anyone_asks(engine, monkeypatch):
    """Nothing is decoded for a thumbnail of what was indexed."""
    engine.add("c", {"id": "a", "image": picture(), "audio": SOUND}, progress=False)
    assert sorted(engine.store.derived_kinds())[-2:] == ["preview-1-ffffff", "waveform-1"]
    monkeypatch.setattr(previews, "read_picture", None)
    monkeypatch.setattr("triptych.media.audio.decode_audio", None)
    found = engine.previews
    webp = found.thumbnail(engine.digest("c", "a", "image"), 1024)
    assert Image.open(io.BytesIO(webp)).size == (1024, 614)
    assert found.waveform(engine.digest("c", "a", "audio")).duration == 1.0


def test_they_are_made_once(engine, monkeypatch):
    """However often the same picture comes, and what encoders it is for."""
    made = []
    keep = previews._jpeg
    monkeypatch.setattr(previews, "_jpeg", lambda pixels: made.append(1) or keep(pixels))
    items = [{"id": name, "image": picture(), "text": name} for name in "ab"]
    engine.add("c", items, progress=False)
    engine.add("c", items, progress=False, again=True)
    for kind in engine.store.derived_kinds():
        if not kind.startswith("preview"):  # as if other encoders had come
            for one in list(engine.store.derived(kind)):
                engine.store.delete_derived(kind, one.name)
    engine.add("c", items, progress=False, again=True)
    assert made == [1]


def test_they_go_with_their_item(engine):
    """And stay while another has the same picture."""
    engine.add("c", [{"id": name, "image": picture()} for name in "ab"], progress=False)
    engine.add("c", {"id": "sound", "audio": SOUND}, progress=False)

    def kept(kind: str) -> int:
        return len(list(engine.store.derived(kind)))

    engine.delete_item("c", "a")
    engine.delete_item("c", "sound")
    engine.collect()
    assert (kept("preview-1-ffffff"), kept("waveform-1")) == (1, 0)
    engine.delete_item("c", "b")
    engine.collect()
    assert kept("preview-1-ffffff") == 0
