"""What cosines mean."""

import numpy as np
import pytest

from triptych.core.settings import Encoders
from triptych.encoders.registry import encoders
from triptych.encoders.scales import UNIT, Bounds

SCALES = [entry.scale for entry in encoders().values()]
DECLARED = {each for scale in SCALES for each in (scale.itself, *scale.texts.values())}


def test_the_scale_is_linear_between_the_bounds():
    """A twentieth of the scale is left for what is beyond each."""
    scaled = Bounds(0.2, 0.6).rescale(np.array([-1, -0.4, 0.2, 0.4, 0.6, 0.8, 1]))
    assert scaled == pytest.approx([0, 0.025, 0.05, 0.5, 0.95, 0.975, 1])
    assert UNIT.rescale(np.array([-1, 0, 0.5, 1])) == pytest.approx([0, 0.05, 0.525, 1])


@pytest.mark.parametrize("bounds", [*DECLARED, Bounds(-1, 1)], ids=str)
def test_more_alike_is_always_more(bounds):
    """Below the floor and above the ceiling, too."""
    scaled = bounds.rescale(np.linspace(-1, 1, 201))
    assert (np.diff(scaled) > 0).all()
    assert (scaled[0], scaled[-1]) == (0 if bounds.floor > -1 else 0.05, 1)


def test_bounds_are_cosines():
    """Floor below ceiling, neither beyond what a cosine can be."""
    assert all(-1 <= bounds.floor < bounds.ceiling <= 1 for bounds in DECLARED)


def test_scales_name_text_encoders():
    """And every encoder of the default settings has measured bounds."""
    texts = {name for name, entry in encoders().items() if "semantic" in entry.roles}
    assert {name for scale in SCALES for name in scale.texts} <= texts
    named = [name for name in Encoders().model_dump().values() if name]
    assert all(encoders()[name].scale.itself != UNIT for name in named)
