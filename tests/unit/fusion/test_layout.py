"""The layout that settings ask for."""

import pytest

from triptych.core.errors import InvalidInput
from triptych.core.settings import Encoders
from triptych.encoders import artefacts, registry
from triptych.fusion.layout import check, make_layout


def test_the_default_settings_are_right(store):
    """And those of other things are not looked at."""
    check({"PATH": "/bin", "TRIPTYCH_REDIS_URL": "redis://x"}, store)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("VISUAL", "nothing", "no encoder 'nothing'; there are: "),
        ("VISUAL", "rootsift-vlad", "is fitted on a corpus first: triptych fit rootsift-vlad"),
        ("VISUAL", "rootsift-vlad@zzz", "name@version"),
        ("VISUAL", "rootsift-vlad@0123456789abcdef", "is not in this media store"),
        ("VISUAL", "mfcc-statistics", "can't be the visual encoder"),
        ("VISUAL", "conse", "can't be the visual encoder; these can: .*visual-projection"),
        ("CONCEPT", "hsv-histogram", "can't be the concept encoder"),
        ("KEYWORDS", "minilm", "can't be the keywords encoder; these can: tfidf-lsa"),
        ("SEMANTIC", "", "may not be empty"),
        ("VISUL", "hsv-histogram", "is not a setting; there are TRIPTYCH_ENCODER_SEMANTIC"),
    ],
)
def test_a_wrong_setting_is_named(store, name, value, reason):
    """With what is wrong with it."""
    with pytest.raises(InvalidInput, match=rf"TRIPTYCH_ENCODER_{name}\b.*{reason}"):
        check({f"TRIPTYCH_ENCODER_{name}": value}, store)


def test_a_fitted_encoder_is_found_in_its_store(store):
    """As texts' own encoder, and to pick keywords."""
    artefact = registry.fit("tfidf-lsa", ["a cat", "a dog", "a bird"])
    artefacts.save(store, artefact)
    names = ("TRIPTYCH_ENCODER_SEMANTIC", "TRIPTYCH_ENCODER_KEYWORDS")
    check(dict.fromkeys(names, artefact.reference), store)
    layout = make_layout(Encoders(semantic=artefact.reference), store)
    semantic, concept, *_ = layout.blocks
    assert concept.dims == semantic.dims == 3
    assert layout.encoders["semantic"].startswith(f"{artefact.reference} (")
