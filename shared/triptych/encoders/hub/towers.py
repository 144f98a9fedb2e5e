"""Models of the Hugging Face hub with two halves: texts and pictures, or sounds, in one space.

A reference names the repository and the commit, ``clip-image@OWNER/NAME:COMMIT``, so that it means
the same model for ever; a branch is refused. ``clip-image@OWNER/NAME:COMMIT:quantized`` takes the
smaller export of that suffix. The repository has to hold what transformers.js reads
(huggingface.co/docs/transformers.js/custom_usage): ``onnx/vision_model.onnx``, ``text_model`` or
``audio_model``, each for itself, and their JSON files. Only ONNX and JSON are fetched: nothing of a
repository is unpickled or executed. Files are kept where HF_HOME says; HF_HUB_OFFLINE=1 forbids
the network.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from triptych.core.errors import InvalidInput
from triptych.core.item import Modality
from triptych.encoders.cards import Card, Vectors, unit_rows
from triptych.encoders.encoder import Encoder
from triptych.encoders.entries import Entry, remembered
from triptych.encoders.hub.preprocess import Feed, Runs, Texts
from triptych.encoders.onnx import open_session
from triptych.encoders.weights import WeightsError
from triptych.media.audio import RATE
from triptych.media.store import MediaStore

_REFERENCE = re.compile(
    r"(?P<repository>[\w.-]+/[\w.-]+):(?P<commit>[0-9a-f]{40})(?::(?P<variant>[a-z0-9]+))?"
)
_PROBE: Mapping[Modality | None, Any] = {
    "image": np.zeros((32, 32, 3), np.uint8),
    "text": "a",
    "audio": np.ones(RATE, np.float32),
}


@dataclass(frozen=True)
class Location:
    """Where a model is: a repository, its commit, and the suffix of an export ("" for float32)."""

    repository: str
    commit: str
    variant: str

    @classmethod
    def parse(cls, name: str, version: str) -> Self:
        """Read what follows the ``@`` of a reference. Raises InvalidInput."""
        match = _REFERENCE.fullmatch(version)
        if match is None:
            raise InvalidInput(
                f"{name} is fetched from the hub: name it as {name}@OWNER/NAME:COMMIT, "
                f"where COMMIT is 40 hex digits, not {version!r}"
            )
        return cls(match["repository"], match["commit"], match["variant"] or "")

    def __str__(self) -> str:
        return f"{self.repository}@{self.commit}"

    def fetch(self, names: Sequence[str]) -> list[Path]:
        """The files, downloaded unless they are there. Raises WeightsError."""
        from huggingface_hub import snapshot_download

        patterns = [*names, *(f"{name}_data" for name in names if name.endswith(".onnx"))]
        try:
            folder = snapshot_download(
                self.repository, revision=self.commit, allow_patterns=patterns
            )
        except Exception as error:  # its own, those of the HTTP library, those of the system
            raise WeightsError(
                f"{', '.join(names)} of {self} can't be fetched (HF_HUB_OFFLINE=1 forbids it; "
                f"HF_HOME is where files are kept): {error}"
            ) from error
        paths = [Path(folder, name) for name in names]
        if missing := [name for name, path in zip(names, paths, strict=True) if not path.is_file()]:
            raise WeightsError(f"{self} has no {', '.join(missing)}: is it an ONNX export?")
        return paths


@dataclass(frozen=True)
class Tower:
    """One of the two halves of a kind of model: what it is called and how it is fed."""

    card: Card
    file: str
    """Of the network, in ``onnx/``, without suffix."""
    outputs: tuple[str, ...]
    """Names of the vector in the common space, the best first."""
    configs: tuple[str, ...]
    read: Callable[..., Runs]
    """From the texts of the configs, in their order."""
    inputs: tuple[frozenset[str], ...]
    """The sets of them that a network may have."""

    def open(
        self, version: str, *, threads: int = 1, text: Encoder[str] | None = None
    ) -> "HubEncoder":
        """Fetch and load; ``text`` is the other half when the vectors compare with texts.

        Raises:
            InvalidInput: no reference, or ``text`` is the half of another model.
            WeightsError: the files can't be had, or are not of such a model.
        """
        location = Location.parse(self.card.name, version)
        suffix = f"_{location.variant}" if location.variant else ""
        model, *configs = location.fetch([f"onnx/{self.file}{suffix}.onnx", *self.configs])
        try:
            runs = self.read(*(path.read_text("utf-8") for path in configs))
        except Exception as error:  # tokenizers raises a bare Exception
            raise WeightsError(f"{', '.join(self.configs)} of {location}: {error!r}") from error
        network = Network(model, self, threads)
        data = model.with_name(f"{model.name}_data")
        used = (model, *([data] if data.is_file() else []), *configs)
        card = replace(
            self.card,
            dims=network.measure(next(runs([_PROBE[self.card.modality]]))[1]),
            source=str(location),
            weights=tuple(map(_sha256, used)),
        )
        if text is not None:
            check_one_space(card, text.card)
            card = card.in_space_of(text.card)
        return HubEncoder(card, network, runs)


class Network:
    """An ONNX file with the inputs and an output that a tower has."""

    def __init__(self, path: Path, tower: Tower, threads: int) -> None:
        try:
            self._session = open_session(path, threads=threads)
        except Exception as error:  # onnxruntime's errors have no base of their own
            raise WeightsError(f"{path.name} can't be loaded: {error}") from error
        self._inputs = [entry.name for entry in self._session.get_inputs()]
        outputs = [entry.name for entry in self._session.get_outputs()]
        known = [name for name in tower.outputs if name in outputs]
        if not known or frozenset(self._inputs) not in tower.inputs:
            expected = ", ".join(sorted(tower.inputs[0]))
            raise WeightsError(
                f"{path.name} turns {', '.join(self._inputs)} into {', '.join(outputs)}, "
                f"not {expected} into {' or '.join(tower.outputs)}"
            )
        self._output = known[0]

    def measure(self, feed: Feed) -> int:
        """The width of its vectors, which exports often don't say. Raises WeightsError."""
        try:
            vectors = self.run(feed)
        except Exception as error:  # as above
            raise WeightsError(f"{self._output} can't be computed: {error}") from error
        return int(vectors.shape[1])

    def run(self, feed: Feed) -> Vectors:
        """The vectors, float32 (n, dims), of whatever length the network gives them."""
        inputs = {name: feed[name] for name in self._inputs}
        (output,) = self._session.run([self._output], inputs)
        vectors: Vectors = output.astype(np.float32, copy=False)
        return vectors


@dataclass(frozen=True)
class HubEncoder(Encoder[Any]):
    """Texts, pictures or sounds to unit vectors. One instance serves many threads."""

    card: Card
    network: Network
    runs: Runs

    @property
    def side(self) -> int:
        """Pixels along the longer edge of a picture beyond which it sees no more."""
        return self.runs.side

    def reach(self, text: str, /) -> int:
        """As many tokens as the model was trained with."""
        return self.runs.reach(text) if isinstance(self.runs, Texts) else super().reach(text)

    def encode(self, batch: Sequence[Any], /) -> Vectors:
        """Encode to float32 (n, card.dims); a sound that is silent is a row of zeros."""
        vectors = np.zeros((len(batch), self.card.dims), np.float32)
        for rows, feed in self.runs(batch):
            vectors[rows] = self.network.run(feed)
        return unit_rows(vectors)


@dataclass(frozen=True, kw_only=True)
class FromHub(Entry):
    """An encoder whose reference says where on the hub it is."""

    tower: Tower

    def _open(
        self, version: str, store: MediaStore | None, threads: int, text: Encoder[str] | None
    ) -> HubEncoder:
        del store
        return self.tower.open(version, threads=threads, text=text)

    def _card_of(self, version: str, store: MediaStore, text: Card | None) -> Card:
        reference = f"{self.card.name}@{version}"
        card = remembered(reference, store, lambda: self.open(version))
        if text is None:
            return card
        check_one_space(card, text)
        return card.in_space_of(text)


def check_one_space(card: Card, text: Card) -> None:
    """Raise InvalidInput unless both are halves of one model."""
    if (card.source, card.dims) != (text.source, text.dims):
        raise InvalidInput(
            f"{card.name} of {card.source} is compared with texts by the other half of that model, "
            f"not by {text.name} of {text.source}: name its text encoder as the semantic one"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
