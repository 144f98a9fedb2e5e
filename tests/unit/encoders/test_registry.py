"""Encoders by name."""

import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest

from triptych.core.errors import InvalidInput
from triptych.core.settings import Encoders
from triptych.encoders import artefacts, registry
from triptych.encoders.artefacts import Artefact
from triptych.encoders.cards import Card
from triptych.encoders.encoder import Encoder, Fittable
from triptych.encoders.entries import Depends, Fitted, Ready
from triptych.encoders.registry import card_of, encoders, open_encoder
from triptych.encoders.roles import ROLES
from triptych.encoders.weights import WeightsError

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
CARD = Card(
    name="counts", version=1, modality="text", dims=9, licence="MIT", source="-", needs_fit=True
)


@dataclass
class Counts(Encoder[str]):
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


NOTHING = Depends("text", ())


@pytest.fixture
def register(monkeypatch):
    """A function that adds an entry to the registry."""

    def add(entry):
        every = {**registry.encoders(), entry.card.name: entry}
        monkeypatch.setattr(registry, "encoders", lambda: every)

    return add


@pytest.fixture
def counts(register):
    """The encoder, registered."""
    register(Fitted(card=CARD, roles=("semantic",), depends=NOTHING, learner=Counts))


def test_every_declaration_is_whole():
    """Each encoder has a card with a source, and roles that are settings."""
    assert {"minilm", "conse", "visual-projection", "mfcc-statistics"} <= set(encoders())
    for name, declared in encoders().items():
        assert declared.card.name == name
        assert declared.card.licence
        assert declared.card.source
        assert declared.roles
        assert set(declared.roles) <= set(Encoders.model_fields)
        assert declared.card.needs_fit == isinstance(declared, Fitted)


def test_roles_are_of_the_modality_of_the_encoder():
    """A block is filled by the worker of its modality; keywords are of texts."""
    modalities = {role.block: role.modality for role in ROLES} | {"keywords": "text"}
    for name, declared in encoders().items():
        assert {modalities[role] for role in declared.roles} == {declared.card.modality}, name


def test_every_extra_brings_what_its_encoders_import():
    """The packages that an encoder names are requirements of its extra in pyproject.toml."""
    distributions = packages_distributions()
    for name, declared in encoders().items():
        required = requirements(declared.depends.extra)
        for package in declared.depends.packages:
            assert required & set(map(canonical, distributions[package])), (name, package)


def requirements(extra: str) -> set[str]:
    """The distributions of an extra, and of the extras that it includes."""
    extras = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]["optional-dependencies"]
    names: set[str] = set()
    for requirement in extras[extra]:
        name, included = re.match(r"([\w.-]+)(?:\[([\w,]+)\])?", requirement).groups()
        if name == "triptych":
            names |= set().union(*(requirements(other) for other in included.split(",")))
        else:
            names.add(canonical(name))
    return names


def canonical(name: str) -> str:
    """The name of a distribution as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_an_encoder_is_declared_once(tmp_path, monkeypatch):
    """Of two with one name neither is taken in silence."""
    (tmp_path / "again.py").write_text("from triptych.encoders.text.minilm import ENCODERS\n")
    package = import_module("triptych.encoders.text")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    with pytest.raises(ValueError, match="two encoders are called minilm"):
        encoders.__wrapped__()


def test_listing_loads_no_heavy_library():
    """The table is there at once."""
    code = (
        "import sys; from triptych.encoders import registry\n"
        "for entry in registry.encoders().values(): entry.card, entry.depends.missing\n"
        "heavy = {'cv2', 'PIL', 'onnxruntime', 'onnx', 'tokenizers', 'librosa', 'soundfile'}\n"
        "heavy |= {'soxr', 'sklearn', 'nltk', 'faster_whisper', 'rapidocr', 'huggingface_hub'}\n"
        "print(*heavy & set(sys.modules))"
    )
    output = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert output.split() == []


def test_an_unknown_name_lists_the_known_ones():
    """So that a typing error costs one look."""
    with pytest.raises(InvalidInput, match=r"no encoder 'minlm'; there are: .*mfcc.*minilm"):
        open_encoder("minlm")


def test_a_missing_extra_is_named(register):
    """With the command that installs it, before anything is loaded or fitted."""
    needs = Depends("exotic", ("numpy", "no_such_module"))
    register(Ready(card=replace(CARD, name="needy"), roles=("visual",), depends=needs, make=None))
    register(Fitted(card=CARD, roles=("semantic",), depends=needs, learner=Counts))
    for call in (
        lambda: open_encoder("needy"),
        lambda: open_encoder("counts@1"),
        lambda: registry.fit("counts", ["a"]),
    ):
        with pytest.raises(InvalidInput, match=r"^no_such_module is not.*triptych\[exotic\]"):
            call()


def test_a_ready_encoder_has_no_version(store):
    """So a typing error is not taken for another model."""
    for call in (open_encoder, card_of):
        with pytest.raises(InvalidInput, match="minilm is not fitted: leave out @0123"):
            call("minilm@0123", store=store)


@pytest.mark.usefixtures("counts")
def test_a_fitted_encoder_is_opened_by_its_reference(store, tmp_path):
    """As it was fitted; its card is known without it afterwards."""
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
def test_an_encoder_that_was_not_fitted_is_refused(store):
    """With the command that fits it; a ready one is not fitted."""
    for call in (open_encoder, card_of):
        with pytest.raises(InvalidInput, match="triptych fit counts"):
            call("counts", store=store)
    with pytest.raises(InvalidInput, match="minilm needs no fitting"):
        registry.fit("minilm", ["a"])


def test_an_encoder_in_text_space_needs_a_text_encoder(minilm):
    """And no other takes one."""
    with pytest.raises(InvalidInput, match="conse is compared with texts"):
        open_encoder("conse")
    with pytest.raises(InvalidInput, match="mfcc-statistics is not compared with texts"):
        open_encoder("mfcc-statistics", text=minilm)
    with pytest.raises(InvalidInput, match="concept-map is compared with texts"):
        registry.fit("concept-map", [])


def test_an_artefact_of_a_ready_encoder_is_refused():
    """It can't be its own."""
    with pytest.raises(WeightsError, match="minilm is not fitted"):
        registry.load(Artefact("minilm", 1, {}))


def test_the_card_in_text_space_follows_the_text_encoder(minilm, store):
    """Its width, and its fingerprint."""
    card = card_of("conse", store, text=minilm.card)
    assert card == open_encoder("conse", text=minilm).card
    assert card.dims == minilm.card.dims
    other = card_of("conse", store, text=CARD)
    assert other.dims == 9
    assert other.fingerprint != card.fingerprint


def test_fitted_encoders_keep_the_protocol():
    """Their classes have both class methods."""
    learners = [each.learner for each in encoders().values() if isinstance(each, Fitted)]
    assert learners
    assert all(isinstance(learner, Fittable) for learner in learners)
