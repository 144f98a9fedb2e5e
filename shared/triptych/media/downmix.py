"""Many channels to one, so that what is heard is not cancelled.

Where a channel is another one turned upside down (a cable wired the wrong way round, an effect that
widens a recording), a person hears both, but their mean is silence, or the noise that is left of
a lossy encoding. So of channels that cancel each other the louder ones alone count.
"""

from collections.abc import Iterator

import numpy as np

from triptych.media.sources import Samples

_SECONDS = 0.25
"""How long a stretch is for which it is decided which channels count."""
_OPPOSITE = -0.5
"""The correlation of two channels below which they cancel each other: mean is 6 dB too quiet."""


class Downmix:
    """The mean of the channels, block by block; channels that cancel louder ones are left out.

    From one stretch to the next the weights of the channels change gradually, so nothing clicks.
    """

    def __init__(self, channels: int, rate: int) -> None:
        self._mean = np.full(channels, 1 / channels, np.float32)
        self._stretch = max(1, int(rate * _SECONDS))
        self._weights = self._mean
        """Of the last stretch."""
        self._begun = False

    def __call__(self, block: Samples) -> Samples:
        """float32 (frames, channels) to (frames,)."""
        if block.shape[1] == 1 or not len(block):
            return block[:, 0]
        with np.errstate(all="ignore"):  # samples that are not numbers are refused later
            stretches = list(self._stretches(block))
            if self._weights is self._mean and not any(cancels for _, _, cancels in stretches):
                self._begun = True
                return np.asarray(block @ self._mean)
            return np.concatenate(
                [
                    self._mixed(part, self._weighted(products) if cancels else self._mean)
                    for part, products, cancels in stretches
                ]
            )

    def _stretches(self, block: Samples) -> Iterator[tuple[Samples, Samples, bool]]:
        """Each stretch with the inner products of its channels, and whether some cancel others."""
        whole = len(block) // self._stretch * self._stretch
        for parts in (
            block[:whole].reshape(-1, self._stretch, block.shape[1]),
            block[np.newaxis, whole:] if whole < len(block) else block[:0, np.newaxis],
        ):
            products = parts.transpose(0, 2, 1) @ parts
            energies = products.diagonal(axis1=1, axis2=2)
            lengths = np.sqrt(energies)
            opposite = products < _OPPOSITE * lengths[:, :, np.newaxis] * lengths[:, np.newaxis]
            together = products.sum(axis=(1, 2)) < -_OPPOSITE * energies.sum(axis=1)
            yield from zip(parts, products, opposite.any(axis=(1, 2)) | together, strict=True)

    def _weighted(self, products: Samples) -> Samples:
        """The weights of channels, of which (channels, channels) are the inner products.

        From the loudest to the quietest, each counts that cancels none of those that count, nor
        all of them together. Of two that are as loud the one counts that did before.
        """
        energies = products.diagonal()
        loudness = np.where(self._weights > 0, 2 * energies, energies)
        kept: list[int] = []
        all_of_them = 0.0
        for channel in np.argsort(-loudness, kind="stable"):
            with_each = products[channel, kept]
            if (
                with_each.sum() >= _OPPOSITE * np.sqrt(energies[channel] * max(all_of_them, 0.0))
                and (with_each >= _OPPOSITE * np.sqrt(energies[channel] * energies[kept])).all()
            ) or not kept:
                kept.append(channel)
                all_of_them += float(energies[channel]) + 2 * float(with_each.sum())
        weights = np.zeros_like(self._mean)
        weights[kept] = 1 / len(kept)
        return weights

    def _mixed(self, part: Samples, weights: Samples) -> Samples:
        before, self._weights = self._weights if self._begun else weights, weights
        self._begun = True
        if np.array_equal(before, weights):
            return np.asarray(part @ weights)
        share = np.linspace(0, 1, len(part), dtype=np.float32)
        return np.asarray((part @ before) * (1 - share) + (part @ weights) * share)
