"""Fitted models as files."""

from dataclasses import replace

import numpy as np
import pytest

from triptych.core.errors import InvalidInput, NotFound
from triptych.encoders import artefacts
from triptych.encoders.artefacts import Artefact
from triptych.encoders.cards import Card
from triptych.encoders.weights import WeightsError

CARD = Card(
    name="a", version=2, modality="text", dims=8, licence="MIT", source="here", needs_fit=True
)


def make(**change) -> Artefact:
    """What an encoder may have learnt."""
    arrays = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.zeros(0, np.int64)}
    facts = {"encoder": "a", "code": 2, "arrays": arrays, "values": {"words": ["猫", "dog"]}}
    return Artefact(**(facts | change))


def test_what_is_saved_is_loaded(store):
    """Arrays with their types and shapes, values, and the same version again."""
    artefacts.save(store, make())
    loaded = artefacts.load(store, make().reference)
    assert loaded.values == make().values
    for name, array in make().arrays.items():
        assert loaded.arrays[name].dtype == array.dtype
        assert np.array_equal(loaded.arrays[name], array)
    assert loaded.reference == make().reference


def test_equal_artefacts_are_equal_bytes():
    """Whatever the order and the memory layout of the arrays; any change is another version."""
    arrays = {"a": np.zeros(0, np.int64), "b": np.asfortranarray(make().arrays["b"])}
    assert make(arrays=arrays).data == make().data
    changed = [
        make(code=3),
        make(encoder="b"),
        make(values={}),
        make(arrays={**make().arrays, "b": np.ones((2, 3), np.float32)}),
    ]
    assert len({artefact.sha256 for artefact in [make(), *changed]}) == 5


def test_python_objects_are_never_written():
    """They would need a pickle."""
    with pytest.raises(ValueError, match="Python objects: b"):
        _ = make(arrays={"b": np.array([{}], object)}).data


def test_a_pickle_is_never_read(tmp_path):
    """A file that holds one is refused, not run."""
    path = tmp_path / "x.npz"
    np.savez(path, facts=np.array([{}], object))
    with pytest.raises(WeightsError, match="can't be read"):
        Artefact.from_bytes(path.read_bytes())


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_a_damaged_file_is_refused(cut):
    """With an error of ours."""
    with pytest.raises(WeightsError, match="can't be read"):
        Artefact.from_bytes(make().data[:cut])


def test_a_changed_file_is_refused(store):
    """The version is the digest of its bytes."""
    other = make(values={"words": []})
    name, version = make().reference.split("@")
    store.write_document("encoders", f"{name}-{version}.npz", other.data)
    with pytest.raises(WeightsError, match="was changed"):
        artefacts.load(store, make().reference)


def test_a_changed_file_is_refused_before_it_is_read(store, monkeypatch):
    """It may claim arrays of any size."""
    monkeypatch.setattr(np, "load", None)
    store.write_document("encoders", make().reference.replace("@", "-") + ".npz", b"PK")
    with pytest.raises(WeightsError, match="was changed"):
        artefacts.load(store, make().reference)


def test_a_file_under_the_name_of_another_encoder_is_refused(store):
    """Though its digest is right."""
    version = make().reference.partition("@")[2]
    store.write_document("encoders", f"b-{version}.npz", make().data)
    with pytest.raises(WeightsError, match="is of a"):
        artefacts.load(store, f"b@{version}")


@pytest.mark.parametrize("reference", ["a", "a@", "a@xyz", "a@../../x", "a@0123456789ABCDEF"])
def test_a_reference_has_a_version(store, reference):
    """Sixteen hex digits."""
    with pytest.raises(InvalidInput, match="name@version"):
        artefacts.load(store, reference)


def test_one_that_is_not_there(store):
    """Is not found."""
    with pytest.raises(NotFound):
        artefacts.load(store, "a@0123456789abcdef")


def test_the_card_of_a_fitted_encoder_names_its_artefact():
    """Two fits are two fingerprints; an artefact of other code is refused."""
    first, second = (make(values={"n": n}).fitted(CARD, dims=4) for n in (1, 2))
    assert first.dims == 4
    assert first.weights == (make(values={"n": 1}).sha256,)
    assert len({CARD.fingerprint, first.fingerprint, second.fingerprint}) == 3
    for card in (replace(CARD, version=3), replace(CARD, name="b")):
        with pytest.raises(WeightsError, match="fit it anew"):
            make().fitted(card, dims=4)
