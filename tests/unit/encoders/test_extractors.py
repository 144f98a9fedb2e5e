"""Extractors fill exactly the blocks of the layout."""

import numpy as np
import pytest

from support import layout
from triptych.core.errors import InvalidInput
from triptych.core.settings import Encoders
from triptych.encoders import artefacts, extractors, registry
from triptych.encoders.extractors import Extractor, load_extractor
from triptych.encoders.weights import WeightsError
from triptych.fusion.layout import make_layout

SAMPLES = {
    "image": np.full((100, 60, 3), 90, np.uint8),
    "text": "a dog",
    "audio": np.sin(np.arange(30_000) / 9).astype(np.float32),
}


@pytest.mark.parametrize("modality", SAMPLES)
def test_an_extractor_fills_the_blocks_of_its_modality(modality):
    """By name and width, one unit row per element; and they are the encoders of the layout."""
    extractor = load_extractor(modality, Encoders(), threads=1, store=None)
    extracted = extractor([SAMPLES[modality]] * 2)
    blocks = [block for block in layout().blocks if block.modality == modality]
    expected = {block.name: (2, block.dims) for block in blocks}
    assert {name: rows.shape for name, rows in extracted.blocks.items()} == expected
    for rows in extracted.blocks.values():
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert extracted.notes == [{}, {}]
    assert {n: e.card for n, e in extractor.encoders.items()} == {b.name: b.card for b in blocks}


def test_long_texts_are_encoded_in_passages():
    """By whatever encoder: their ends count."""
    extractor = load_extractor("text", Encoders(), threads=1, store=None)
    beginning = "The weather is fine today. " * 100
    rows = extractor([beginning + "Elephants eat grass.", beginning + "Trains run late."]).blocks
    assert not np.allclose(*rows["semantic"], atol=1e-3)


def test_heads_share_one_pass_of_their_backbone(monkeypatch):
    """The dearest part of a picture is done once."""
    extractor = load_extractor("image", Encoders(), threads=1, store=None)
    backbone = extractor.encoders["visual"].backbone
    assert extractor.encoders["concept"].backbone is backbone
    passes = []
    encode = type(backbone).encode
    monkeypatch.setattr(
        type(backbone), "encode", lambda self, batch: passes.append(1) or encode(self, batch)
    )
    extractor([SAMPLES["image"]])
    assert passes == [1]


def test_a_block_without_an_encoder_is_left_out():
    """Of the layout and of the extractor."""
    encoders = Encoders(concept="", acoustic="")
    assert [block.name for block in make_layout(encoders, None).blocks] == ["semantic", "visual"]
    extractor = load_extractor("image", encoders, threads=1, store=None)
    assert list(extractor.encoders) == ["visual"]
    assert load_extractor("audio", encoders, threads=1, store=None).encoders == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"visual": "mfcc-statistics"},
            "mfcc-statistics can't be the visual encoder; these can: clip-image, combined",
        ),
        ({"visual": "conse"}, "conse can't be the visual encoder"),
        (
            {"concept": "visual-projection"},
            "visual-projection can't be the concept .*: clip-image, concept-map, conse",
        ),
        ({"acoustic": "nothing"}, "no encoder 'nothing'"),
    ],
)
def test_an_encoder_that_does_not_fit_its_role_is_refused(change, reason):
    """Before anything is encoded."""
    with pytest.raises(InvalidInput, match=reason):
        make_layout(Encoders(**change), None)


def test_keywords_are_noted():
    """By whatever picks them."""

    class Longest:
        def keywords(self, text):
            return [max(text.split(), key=len)]

    extracted = Extractor({}, Longest())(["a tiger", "some elephant"])
    assert extracted.notes == [{"keywords": ["tiger"]}, {"keywords": ["elephant"]}]


def test_an_encoder_that_picks_no_keywords_is_refused():
    """When it is loaded."""
    with pytest.raises(
        InvalidInput, match="minilm can't be the keywords encoder; these can: tfidf-lsa"
    ):
        load_extractor("text", Encoders(keywords="minilm"), threads=1, store=None)


@pytest.mark.parametrize("modality", SAMPLES)
def test_models_are_warmed_with_what_they_do_not_pass_over(modality):
    """Silence, say, is a row of zeros at once: the first real sound would pay for the loading."""
    extractor = load_extractor(modality, Encoders(), threads=1, store=None)
    assert all(rows.any() for rows in extractor([extractors._WARM[modality]]).blocks.values())


def test_an_encoder_with_another_card_than_the_layout_is_refused(store, tmp_path):
    """A card that was changed in the store would promise blocks that nobody fills."""
    artefact = registry.fit("tfidf-lsa", ["a cat", "a dog and a bird"])
    artefacts.save(store, artefact)
    encoders = Encoders(semantic=artefact.reference, concept="")
    make_layout(encoders, store)
    (remembered,) = tmp_path.rglob("card-*.json")
    remembered.write_text(remembered.read_text().replace('"dims": 2', '"dims": 3'))
    with pytest.raises(WeightsError, match="is not that of the encoder"):
        load_extractor("text", encoders, threads=1, store=store)
