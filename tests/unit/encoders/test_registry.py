"""Encoders by name."""

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from triptych.core.errors import InvalidInput
from triptych.encoders import artefacts, registry
from triptych.encoders.artefacts import Artefact
from triptych.encoders.cards import Card
from triptych.encoders.protocol import Fittable
from triptych.encoders.registry import ENCODERS, Row, card_of, open_encoder, row
from triptych.encoders.weights import WeightsError
from triptych.media.store import MediaStore

CARD = Card(
    name="counts", version=1, modality="text", dims=9, licence="MIT", source="-", needs_fit=True
)


@dataclass
class Counts:
    """Counts the letters it was fitted on."""

    card: Card
    letters: str

    @classmethod
    def fit(cls, corpus, *, seed=0):
        """Learn the letters."""
        letters = "".join(sorted(set("".join(corpus))))
        return Artefact("counts", 1, {}, {"letters": letters, "seed": seed})

    @classmethod
    def load(cls, artefact):
        """Know them again."""
        letters = artefact.values["letters"]
        return cls(artefact.fitted(CARD, dims=len(letters)), letters)

    def encode(self, batch):
        """How often each occurs."""
        return np.array([[text.count(c) for c in self.letters] for text in batch], np.float32)


class _Row(Row):
    def _import(self):
        return sys.modules[__name__]


@pytest.fixture
def counts(monkeypatch):
    """The encoder, registered."""
    monkeypatch.setattr(registry, "ENCODERS", {**ENCODERS, "counts": _Row("here", "Counts")})


def test_every_card_says_what_the_registry_says():
    """Each row leads to a card, of that name, without an extra and without loading a model."""
    for name in ENCODERS:
        card = row(name).read_card()
        assert card.name == name
        assert card.licence
        assert card.source
        assert row(name).extra or not row(name).needs


def test_listing_loads_no_heavy_library():
    """The table is there at once."""
    code = (
        "import sys; from triptych.encoders import registry\n"
        "for name in registry.ENCODERS: registry.row(name).read_card()\n"
        "heavy = {'cv2', 'PIL', 'onnxruntime', 'onnx', 'tokenizers', 'librosa', 'soundfile'}\n"
        "heavy |= {'soxr', 'sklearn', 'nltk', 'faster_whisper', 'rapidocr', 'huggingface_hub'}\n"
        "print(*heavy & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_an_unknown_name_lists_the_known_ones():
    """So that a typing error costs one look."""
    with pytest.raises(InvalidInput, match=r"no encoder 'minlm'; there are: .*mfcc.*minilm"):
        open_encoder("minlm")


def test_a_missing_extra_is_named(monkeypatch):
    """With the command that installs it."""
    needy = Row("minilm", "MiniLM", needs=("no_such_module",), extra="exotic")
    monkeypatch.setattr(registry, "ENCODERS", {"needy": needy})
    with pytest.raises(InvalidInput, match=r"no_such_module is not.*triptych\[exotic\]"):
        open_encoder("needy")


@pytest.mark.usefixtures("counts")
def test_a_fitted_encoder_is_opened_by_its_reference(tmp_path):
    """As it was fitted; its card is known without it afterwards."""
    store = MediaStore(tmp_path.as_uri())
    artefact = registry.fit("counts", ["abc", "cde"], seed=3)
    artefacts.save(store, artefact)
    encoder = open_encoder(artefact.reference, store=store)
    assert encoder.encode(["aab"]).tolist() == [[2, 1, 0, 0, 0]]
    card = card_of(artefact.reference, store)
    assert (card, card.dims) == (encoder.card, 5)
    for file in tmp_path.rglob("*.npz"):
        file.unlink()
    assert card_of(artefact.reference, store) == card
    (remembered,) = tmp_path.rglob("card-*.json")
    for damage in (b"", b"[]", b'{"weights": [], "built_on": []}'):
        remembered.write_bytes(damage)
        with pytest.raises(WeightsError, match="card of counts@"):
            card_of(artefact.reference, store)


@pytest.mark.usefixtures("counts")
def test_an_encoder_that_was_not_fitted_is_refused(tmp_path):
    """With the command that fits it; a ready one is not fitted."""
    store = MediaStore(tmp_path.as_uri())
    for call in (open_encoder, card_of):
        with pytest.raises(InvalidInput, match="triptych fit counts"):
            call("counts", store=store)
    with pytest.raises(InvalidInput, match="minilm is ready"):
        registry.fit("minilm", ["a"])


def test_an_encoder_in_text_space_needs_a_text_encoder(minilm):
    """And no other takes one."""
    with pytest.raises(InvalidInput, match="conse is compared with texts"):
        open_encoder("conse")
    with pytest.raises(InvalidInput, match=r"mfcc-statistics is not .* these are: .*conse"):
        open_encoder("mfcc-statistics", text=minilm)


def test_the_card_in_text_space_follows_the_text_encoder(minilm, tmp_path):
    """Its width, and its fingerprint."""
    store = MediaStore(tmp_path.as_uri())
    card = card_of("conse", store, text=minilm.card)
    assert card == open_encoder("conse", text=minilm).card
    assert card.dims == minilm.card.dims
    other = card_of("conse", store, text=CARD)
    assert other.dims == 9
    assert other.fingerprint != card.fingerprint


def test_fitted_encoders_keep_the_protocol():
    """Every row that is fitted first has both class methods, wherever its extra is installed."""
    for name in ENCODERS:
        if row(name).read_card().needs_fit and not row(name).missing():
            assert isinstance(row(name).find_maker(), Fittable)
