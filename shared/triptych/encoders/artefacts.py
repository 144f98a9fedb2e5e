"""Fitted models as files: arrays and plain values in one .npz, never a pickle.

An artefact's version is the digest of its bytes. A reference ``name@version`` names one exactly,
and the version is part of the fingerprint of every vector made with it.
"""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from triptych.core.errors import InvalidInput, NotFound
from triptych.encoders.cards import Card
from triptych.encoders.weights import WeightsError
from triptych.media.store import MediaStore

FOLDER = "encoders"
_FACTS = "facts"
_VERSION_DIGITS = 16
_VERSION = re.compile(rf"[0-9a-f]{{{_VERSION_DIGITS}}}")


@dataclass(frozen=True)
class Artefact:
    """What an encoder learnt. ``arrays`` and ``values`` are the encoder's own business."""

    encoder: str
    code: int
    """The version on the card of the encoder that was fitted."""
    arrays: Mapping[str, NDArray[Any]]
    values: Mapping[str, Any] = field(default_factory=dict)
    """JSON values: parameters, seed, words."""

    @cached_property
    def data(self) -> bytes:
        """The file; equal artefacts are equal bytes."""
        facts = {"encoder": self.encoder, "code": self.code, "values": dict(self.values)}
        text = json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()
        arrays: dict[str, Any] = {_FACTS: np.frombuffer(text, np.uint8)}
        for name, array in sorted(self.arrays.items()):
            if array.dtype.hasobject:
                raise ValueError(f"artefact of {self.encoder} holds Python objects: {name}")
            arrays[name] = np.ascontiguousarray(array)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        return buffer.getvalue()

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the file."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def reference(self) -> str:
        """``name@version``, as the settings take it."""
        return f"{self.encoder}@{self.sha256[:_VERSION_DIGITS]}"

    def fitted(self, card: Card, *, dims: int) -> Card:
        """The card of the encoder as fitted. Raises WeightsError for another encoder's artefact."""
        if (self.encoder, self.code) != (card.name, card.version):
            raise WeightsError(
                f"artefact is of {self.encoder} version {self.code}, "
                f"not of {card.name} version {card.version}: fit it anew"
            )
        return replace(card, dims=dims, weights=(*card.weights, self.sha256))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a file. Raises WeightsError."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            facts = json.loads(arrays.pop(_FACTS).tobytes())
            return cls(facts["encoder"], facts["code"], arrays, facts["values"])
        except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise WeightsError(f"artefact can't be read: {error}") from error


def save(store: MediaStore, artefact: Artefact) -> None:
    """Write durably; ``load`` finds it by its reference."""
    store.write_document(FOLDER, _file_name(artefact.reference), artefact.data)


def load(store: MediaStore, reference: str) -> Artefact:
    """Read what ``save`` wrote. Raises NotFound, WeightsError, InvalidInput, StoreUnavailable."""
    file = _file_name(reference)
    try:
        data = store.read_document(FOLDER, file)
    except NotFound as error:
        name = reference.partition("@")[0]
        raise NotFound(
            f"{reference} is not in this media store: triptych fit {name} PATH… "
            "with --stack NAME or --media-url URL fits it for this one"
        ) from error
    # Check before reading: whoever can write to the store could claim arrays of any size.
    if hashlib.sha256(data).hexdigest()[:_VERSION_DIGITS] != reference.partition("@")[2]:
        raise WeightsError(f"artefact {reference} was changed: its digest is another")
    artefact = Artefact.from_bytes(data)
    if artefact.encoder != reference.partition("@")[0]:
        raise WeightsError(f"artefact {reference} is of {artefact.encoder}")
    return artefact


def _file_name(reference: str) -> str:
    name, _, version = reference.partition("@")
    if not _VERSION.fullmatch(version):
        raise InvalidInput(f"{reference!r} is not of the form name@version, as fitting prints it")
    return f"{name}-{version}.npz"
