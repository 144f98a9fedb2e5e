"""Previews: small, upright, kept, and made again where there is none."""

import io
import uuid
from contextlib import nullcontext

import numpy as np
import pytest
from PIL import Image

from triptych.core.errors import MediaError, NotFound
from triptych.core.settings import Settings
from triptych.media.audio import RATE
from triptych.media.previews import DETAIL, SIDE, Previews, read_picture, waveform
from triptych.media.store import MediaStore
from unit.media.sounds import tone, write


class Counting(Previews):
    """Counts the originals that are decoded."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments, self._count)
        vars(self)["decoded"] = []

    def _count(self, modality):
        self.decoded.append(modality)
        return nullcontext()


@pytest.fixture
def previews():
    """Of an empty store; how often originals were decoded is counted in ``decoded``."""
    return made_for(MediaStore(f"memory://{uuid.uuid4().hex}"))


def made_for(store, **settings):
    """Previews with these settings."""
    return Counting(store, Settings(**settings))


def photograph(width, height, kind="JPEG", **options):
    """Dark above, light below, with a red left edge."""
    rows = np.linspace(40, 220, height, dtype=np.uint8)
    pixels = np.repeat(np.repeat(rows[:, None, None], width, 1), 3, 2)
    pixels[:, : width // 4] = (200, 30, 30)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def opened(webp):
    """A thumbnail."""
    image = Image.open(io.BytesIO(webp))
    assert image.format == "WEBP"
    return image


@pytest.mark.parametrize(
    ("width", "height", "size", "expected"),
    [
        (4000, 3000, 256, (256, 192)),
        (4000, 3000, 1024, (1000, 750)),  # as a quarter of a JPEG is
        (900, 1800, 512, (256, 512)),
        (20, 10, 64, (20, 10)),
        (5000, 3, 64, (64, 1)),
    ],
)
def test_a_thumbnail_has_the_shape_of_the_picture(previews, width, height, size, expected):
    """It is never larger than the picture."""
    digest = previews.store.put(photograph(width, height))
    assert opened(previews.thumbnail(digest, size)).size == expected


def test_a_preview_has_the_detail_that_it_promises(previews):
    """However a JPEG is reduced."""
    for width in (700, 1000, 1400, 2000, 3000, 6000):
        picture = read_picture(photograph(width, width // 4), Settings(), 224)
        assert min(width, 1.75 * DETAIL) <= picture.pixels.shape[1] <= SIDE, width


def test_a_thumbnail_is_upright_and_on_the_background(previews):
    """A phone held upright; a drawing without a ground."""
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = opened(previews.thumbnail(previews.store.put(photograph(80, 40, exif=exif)), 64))
    assert turned.size == (32, 64)
    pixels = np.asarray(turned.convert("RGB")).astype(int)
    assert pixels[4, 16, 0] > pixels[4, 16, 1] + 60  # the red edge is above
    clear = io.BytesIO()
    Image.new("RGBA", (30, 30), (0, 0, 0, 0)).save(clear, "PNG")
    green = made_for(previews.store, image_background="#00ff00")
    digest = previews.store.put(clear.getvalue())
    assert np.asarray(opened(previews.thumbnail(digest, 64)))[9, 9].min() > 250
    red, shown, blue = np.asarray(opened(green.thumbnail(digest, 64)))[9, 9]
    assert (shown > 240, red < 20, blue < 20) == (True, True, True)


def test_originals_are_decoded_once(previews):
    """Whatever sizes are asked for, and also if what is kept was damaged."""
    digest = previews.store.put(photograph(400, 300))
    for size in (64, 256, 64):
        previews.thumbnail(digest, size)
    assert previews.decoded == ["image"]
    previews.store.put_derived(previews.picture_kind, digest, b"damaged")
    assert opened(previews.thumbnail(digest, 64)).size == (64, 48)
    assert previews.decoded == ["image", "image"]
    sound = previews.store.put(write(tone(RATE), RATE))
    assert previews.waveform(sound) == previews.waveform(sound)
    assert previews.decoded == ["image", "image", "audio"]


def test_what_is_kept_stays(previews, monkeypatch):
    """A step that comes again writes nothing."""
    previews.keep_picture("0" * 64, np.zeros((4, 4, 3), np.uint8))
    previews.keep_sound("0" * 64, np.zeros(9, np.float32))
    monkeypatch.setattr(MediaStore, "put_derived", None)
    previews.keep_picture("0" * 64, np.ones((4, 4, 3), np.uint8))
    previews.keep_sound("0" * 64, np.ones(9, np.float32))
    assert not previews.picture("0" * 64).any()
    assert not any(previews.waveform("0" * 64).data)


def test_what_is_no_picture_says_so(previews):
    """As when it was indexed; nothing is kept of it."""
    for data, error in ((b"no picture", MediaError), (photograph(40, 30)[:200], MediaError)):
        digest = previews.store.put(data)
        with pytest.raises(error, match="image"):
            previews.thumbnail(digest, 64)
    with pytest.raises(NotFound):
        previews.thumbnail("0" * 64, 64)
    assert previews.store.derived_kinds() == []


def test_a_waveform_follows_the_sound():
    """Silence, then a tone that is half as loud as can be."""
    samples = np.concatenate([np.zeros(RATE, np.float32), tone(RATE, 3)])
    found = waveform(samples)
    assert 790 < found.length <= 800
    assert len(found.data) == 2 * found.length
    assert found.length * found.samples_per_pixel >= len(samples)
    assert (found.sample_rate, found.duration) == (RATE, 4.0)
    low, high = np.array(found.data).reshape(-1, 2).T
    assert not low[:198].any()
    assert not high[:198].any()
    assert set(high[200:].tolist()) <= {63, 64}
    assert set(low[200:].tolist()) <= {-63, -64}


@pytest.mark.parametrize("count", [1, 2, 799, 800, 801, 1601])
def test_a_waveform_of_any_length(count):
    """Each stretch has a sample at least, and the loudest sample is seen."""
    samples = np.zeros(count, np.float32)
    samples[-1] = 1.5
    found = waveform(samples)
    assert found.length == -(-count // found.samples_per_pixel) <= 800
    assert max(found.data) == 127
