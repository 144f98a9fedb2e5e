"""Changed copies of media, so that a query is never the very file that was indexed."""

import io

import numpy as np

from triptych.media.audio import RATE, decode_audio
from triptych.media.image import decode_image, fit_square

_SIDE = 256


def mirrored_crop(picture: bytes, *, keep: float = 0.85) -> bytes:
    """The middle of a picture, mirrored, as PNG."""
    import cv2

    pixels = fit_square(decode_image(picture, side=_SIDE, max_pixels=100_000_000), _SIDE)
    margin = round(_SIDE * (1 - keep) / 2)
    crop = pixels[margin:-margin, margin:-margin][:, ::-1]
    done, encoded = cv2.imencode(".png", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))
    if not done:
        raise ValueError("picture can't be written as PNG")
    return encoded.tobytes()


def second_half(sound: bytes, *, gain: float = 0.5) -> bytes:
    """The second half of a sound, more quietly, as WAV."""
    samples = decode_audio(sound, max_seconds=3600)
    return wav(samples[len(samples) // 2 :] * np.float32(gain))


def wav(samples: np.ndarray) -> bytes:
    """Mono samples at 22,050 Hz as a WAV file of 16 bits."""
    import soundfile as sf

    file = io.BytesIO()
    sf.write(file, samples, RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()
