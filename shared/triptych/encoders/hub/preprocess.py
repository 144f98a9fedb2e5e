"""What the towers of CLIP, SigLIP and CLAP are fed with, as the JSON files beside a model say.

Numbers as transformers' own processors give them: CLIPImageProcessor, SiglipImageProcessor,
ClapFeatureExtractor and the tokenizers (huggingface.co/docs/transformers/model_doc/clip, siglip
and clap), but for one thing: of a sound that is too long, CLAP there hears a random stretch, here
the middle one, so that the same sound has the same vector.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.passages import kept_by
from triptych.media.audio import RATE, Samples

Feed = Mapping[str, NDArray[Any]]

_RUN = 16
"""Elements in one run of a network: as in minilm, and 16 pictures are some 10 MB."""
_AMIN = 1e-10
"""Power below which a sound is silent; -100 dB."""


Run = tuple[Sequence[int], Feed]
"""Positions in a batch, and what the network is fed for them."""


class Runs(Protocol):
    """From a batch to runs of a network."""

    @property
    def side(self) -> int:
        """Pixels along the longer edge of a picture beyond which it sees no more; or 0."""

    def __call__(self, batch: Sequence[Any], /) -> Iterator[Run]:
        """Yield positions in the batch, and what the network is fed for them.

        An element that is in no run has nothing that a network could work with.
        """


class Pictures:
    """Pictures, uint8 RGB (height, width, 3), to ``pixel_values``, float32 (n, 3, side, side)."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Take the sizes and scales of a preprocessor_config.json. Raises ValueError, KeyError."""
        size = config["size"]
        if isinstance(size, int):  # as the first CLIP repositories have it
            size = {"shortest_edge": size}
        self._shortest: int | None = size.get("shortest_edge")
        height, width = (
            (self._shortest, self._shortest) if self._shortest else (size["height"], size["width"])
        )
        if config.get("do_center_crop", False):
            crop = config["crop_size"]
            crop = {"height": crop, "width": crop} if isinstance(crop, int) else crop
            if crop["height"] > height or crop["width"] > width:
                raise ValueError(f"crop_size {crop} is larger than size {size}")
            height, width = crop["height"], crop["width"]
        elif self._shortest:
            raise ValueError("size has a shortest_edge, but nothing is cropped")
        self._size: tuple[int, int] = height, width
        self._resample = int(config.get("resample", 3))
        levels = np.arange(256) * config.get("rescale_factor", 1 / 255)
        mean, deviation = (np.asarray(config[name]) for name in ("image_mean", "image_std"))
        # What each of the 256 levels of red, green and blue becomes.
        self._levels = ((levels[:, np.newaxis] - mean) / deviation).T.astype(np.float32)

    @property
    def side(self) -> int:
        """Pixels along the longer edge beyond which it sees no more.

        Where the middle of a picture is cut out, the shorter edge counts: twice the size is
        enough for any picture that is less than twice as long as it is wide.
        """
        return 2 * self._shortest if self._shortest else max(self._size)

    def __call__(self, batch: Sequence[NDArray[np.uint8]], /) -> Iterator[Run]:
        """Feed the pictures in their order."""
        for start in range(0, len(batch), _RUN):
            rows = range(start, min(start + _RUN, len(batch)))
            values = np.empty((len(rows), 3, *self._size), np.float32)
            for row, into in zip(rows, values, strict=True):
                pixels = self._resized(batch[row])
                for channel, levels in enumerate(self._levels):
                    np.take(levels, pixels[..., channel], out=into[channel], mode="clip")
            yield rows, {"pixel_values": values}

    def _resized(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        from PIL import Image

        height, width = self._size
        target = width, height
        if self._shortest:
            short, long = sorted(picture.shape[:2])
            longer = self._shortest * long // short
            wide = picture.shape[1] == long
            target = (longer, self._shortest) if wide else (self._shortest, longer)
        image = Image.fromarray(picture).resize(target, Image.Resampling(self._resample))
        left, top = (target[0] - width) // 2, (target[1] - height) // 2
        return np.asarray(image)[top : top + height, left : left + width]


@dataclass(frozen=True)
class TextRules:
    """How a family of models reads texts."""

    tokens: int
    """At most; a tokenizer_config.json may say fewer."""
    padded: bool = False
    """Whether every text is padded to that length, and the padding is read (SigLIP)."""
    lower: bool = False
    """Whether it learnt from texts in lower case, whatever its tokenizer.json does."""


class Texts:
    """Texts to ``input_ids`` and ``attention_mask``, int64 (n, length)."""

    side = 0

    def __init__(self, tokenizer: str, config: Mapping[str, Any], rules: TextRules) -> None:
        """Take a tokenizer.json and a tokenizer_config.json. Raises ValueError, KeyError."""
        from tokenizers import Tokenizer

        self._rules = rules
        self._length = min(rules.tokens, int(config.get("model_max_length", rules.tokens)))
        self._tokenizer = Tokenizer.from_str(tokenizer)
        self._tokenizer.enable_truncation(self._length)
        self._tokenizer.no_padding()
        pad = config["pad_token"]
        pad = pad["content"] if isinstance(pad, dict) else pad
        self._pad: int | None = self._tokenizer.token_to_id(pad)
        if self._pad is None:
            raise ValueError(f"pad_token {pad!r} is not in tokenizer.json")

    def reach(self, text: str) -> int:
        """How many characters of a text, from its beginning, are read."""
        return kept_by(self._tokenizer, text.lower() if self._rules.lower else text)

    def __call__(self, batch: Sequence[str], /) -> Iterator[Run]:
        """Feed texts of like length together: padding is the dearest part of a mixed batch."""
        texts = [text.lower() for text in batch] if self._rules.lower else list(batch)
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        order = sorted(range(len(batch)), key=lambda row: len(tokens[row]))
        for start in range(0, len(order), _RUN):
            rows = order[start : start + _RUN]
            yield rows, self._feed([tokens[row] for row in rows])

    def _feed(self, tokens: Sequence[Sequence[int]]) -> Feed:
        lengths = np.array([len(row) for row in tokens])
        width = self._length if self._rules.padded else max(1, lengths.max())
        real = np.arange(width) < lengths[:, None]
        ids = np.full(real.shape, self._pad, np.int64)
        ids[real] = np.concatenate([np.asarray(row, np.int64) for row in tokens])
        mask = np.ones_like(ids) if self._rules.padded else real.astype(np.int64)
        return {"input_ids": ids, "attention_mask": mask}


class Sounds:
    """Sounds, float32 (samples,) at 22,050 Hz, to ``input_features``, float32 (n, 1, frames, mels).

    Log-mel spectrograms of ten seconds at 48 kHz. A shorter sound is repeated as often as it fits
    whole, then silence follows ("repeatpad"). What the network knows of above 11 kHz it won't hear.
    """

    side = 0

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Take a preprocessor_config.json. Raises ValueError, KeyError."""
        for name, expected in (("truncation", "rand_trunc"), ("padding", "repeatpad")):
            if config[name] != expected:
                raise ValueError(f"{name} is {config[name]!r}, only {expected!r} is known")
        if config.get("top_db") is not None:
            raise ValueError(f"top_db is {config['top_db']}, only null is known")
        self._rate = int(config["sampling_rate"])
        self._samples = int(config["max_length_s"]) * self._rate
        self._mel: dict[str, Any] = {
            "sr": self._rate,
            "n_fft": int(config["fft_window_size"]),
            "hop_length": int(config["hop_length"]),
            "n_mels": int(config["feature_size"]),
            "fmin": float(config["frequency_min"]),
            "fmax": float(config["frequency_max"]),
        }

    def __call__(self, batch: Sequence[Samples], /) -> Iterator[Run]:
        """Feed the sounds that can be heard, in their order."""
        heard = [(row, self._stretch(samples)) for row, samples in enumerate(batch)]
        audible = [(row, stretch) for row, stretch in heard if stretch.any()]
        for start in range(0, len(audible), _RUN):
            rows, stretches = zip(*audible[start : start + _RUN], strict=True)
            yield list(rows), {"input_features": self._decibels(np.stack(stretches))}

    def _stretch(self, samples: Samples) -> Samples:
        """The ten seconds that are heard, float32 (samples,) at the network's rate."""
        import soxr

        most = -(-self._samples * RATE // self._rate)
        start = max(0, len(samples) - most) // 2
        sound = soxr.resample(np.asarray(samples[start : start + most]), RATE, self._rate)
        stretch = np.zeros(self._samples, np.float32)
        sound = sound[: self._samples]
        times = self._samples // len(sound) if len(sound) else 0
        stretch[: times * len(sound)].reshape(times, len(sound))[:] = sound
        return stretch

    def _decibels(self, stretches: NDArray[np.float32]) -> NDArray[np.float32]:
        """Slaney mels over a power spectrum of centred, reflected Hann frames; 10·log10."""
        import librosa

        power = librosa.feature.melspectrogram(
            y=stretches, pad_mode="reflect", norm="slaney", htk=False, **self._mel
        )
        np.maximum(power, np.float32(_AMIN), out=power)
        decibels = 10 * np.log10(power, out=power)
        return np.ascontiguousarray(decibels.transpose(0, 2, 1)[:, np.newaxis])
