"""What examples must be before a fusion learns from them."""

import numpy as np

from triptych.core.errors import InvalidInput
from triptych.core.item import Part
from triptych.fusion.examples import Examples
from triptych.fusion.features import Features, Mask

FEWEST = 64
"""Items with two parts or more that a fusion needs."""


def check_apart(training: Examples, validation: Examples) -> None:
    """Raise InvalidInput if a content is on both sides: the figures would be of what was learnt."""
    seen = {key for content in training.contents for key in content}
    for row, content in enumerate(validation.contents):
        if both := sorted(seen.intersection(content)):
            raise InvalidInput(
                f"validation item {row} (from 0) has the same content as a training item: "
                f"{both[0]!r}; split by group"
            )


def several_parts(features: Features) -> Mask:
    """Which items have two parts or more that say something, (n,)."""
    parts: tuple[Part, ...] = features.parts
    says = [features.only([part]).filled.any(axis=1) for part in parts]
    mask: Mask = np.sum(says, axis=0) > 1 if says else np.zeros(len(features), np.bool_)
    return mask


def check_enough(examples: Examples, name: str) -> None:
    """Raise InvalidInput unless there are items of several parts, and enough of them."""
    several = int(several_parts(examples.features).sum())
    if not several:
        have = ", ".join(examples.features.parts) or "nothing"
        raise InvalidInput(
            f"{name} learns from items with two parts or more; the {len(examples)} items have "
            f"one each ({have})"
        )
    if several < FEWEST:
        raise InvalidInput(
            f"{name} needs {FEWEST} items with two parts or more to learn from, not {several}"
        )
    if len(set(examples.groups.tolist())) < FEWEST:
        raise InvalidInput(f"{name} needs {FEWEST} items that differ to learn from")
