"""The samples of Sonic Pi: drums, loops, guitars, glitches, in families.

They come from Debian's package ``sonic-pi-samples`` (CC0) and are not part of this project.
"""

from pathlib import Path

from triptych.corpora.debian import unpacked

PACKAGE = "sonic-pi-samples"
_SAMPLES = Path("usr/share/sonic-pi/samples")


def fetch() -> Path:
    """The folder of the samples, fetched on first use. Raises CorpusUnavailable."""
    return unpacked(PACKAGE) / _SAMPLES


def families(samples: Path) -> dict[Path, str]:
    """The family of each file, its name up to the first underscore: ``bd_ada.flac`` is of bd."""
    return {path: path.stem.partition("_")[0] for path in sorted(samples.glob("*.flac"))}
