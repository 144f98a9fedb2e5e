"""Strategies that make one vector of an item, asked judged queries beside the ways of searches.

Those that learn are fitted on items of the training half: without those that share a caption or a
picture with an item of the other. Words count beside the vectors, with the weight that they have in
search; what hits should not be like is subtracted.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from triptych.core.item import Modality
from triptych.encoders.cards import Vectors
from triptych.evaluation.fusions import Asked, Ways
from triptych.evaluation.galleries import label, losing
from triptych.evaluation.joined import Joined
from triptych.evaluation.judged import Half
from triptych.evaluation.metrics import Floats
from triptych.evaluation.queries import EncodedSet
from triptych.evaluation.strategies import contents_of, features_of, fitted
from triptych.fusion.blocks import Layout, fuse
from triptych.fusion.examples import Examples
from triptych.fusion.features import Features
from triptych.fusion.query import KEYWORD, WEIGHTS
from triptych.fusion.strategies.strategy import Strategy
from triptych.search.parts import mean_vectors


def ways(
    encoded: EncodedSet,
    halves: Mapping[str, Half],
    names: Sequence[str],
    *,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> Callable[[float], Ways]:
    """What makes, of the loss of a gallery, ways to fuse by strategies that are fitted on it."""

    def more(loss: float) -> Ways:
        poorer = losing(encoded.gallery, loss)
        features, items = features_of(poorer), poorer.items
        examples = Examples(features, [contents_of(item) for item in encoded.gallery.items])
        held = np.array([halves[item.id] == "held-out" for item in items])
        training = examples.rows(~np.isin(examples.groups, examples.groups[held]))
        in_order = features.rows(np.argsort([item.id for item in items]))
        made: dict[str, Callable[[Asked], Floats | None]] = {}
        for name in names:
            say(f"{encoded.judged.name}, {label(loss)}: {name}")
            alone: _Asker | None = None
            for strategy in fitted(name, training, seed):
                if isinstance(strategy, Joined) and alone is not None:
                    made[strategy.name] = _beside_blocks(alone, strategy.share)
                else:
                    alone = made[_title(strategy.name)] = _Asker(strategy, in_order)
        return made

    return more


def _title(name: str) -> str:
    """The name beside those of the ways of ``fusions``, where ``mean`` is that of scores."""
    return f"{name} of vectors" if name in {"mean", "weighted"} else name


class _Asker:
    """Makes the scores of all items by one strategy."""

    def __init__(self, strategy: Strategy, items: Features) -> None:
        self._strategy = strategy
        self._items = strategy.fuse(items)

    def __call__(self, asked: Asked) -> Floats:
        """Vectors and words; the items are in the order of their ids."""
        request = asked.encoded.encoded
        query = _features(request.vectors, request.layout)
        against = _features(mean_vectors(request.negative), request.layout)
        vector = self._strategy.fuse_query(query, negative=against)
        scores: Floats = (self._items @ vector[0]).astype(np.float64)
        for signal in asked.signals:
            if signal.name == KEYWORD:
                share = WEIGHTS[KEYWORD] / (
                    WEIGHTS[KEYWORD] + sum(WEIGHTS[part] for part in request.vectors)
                )
                said = np.where(signal.present, signal.normalised, 0.0)
                scores = (1 - share) * scores + share * said
        return scores


def _beside_blocks(alone: _Asker, share: float) -> Callable[[Asked], Floats]:
    return lambda asked: (1 - share) * asked.offered("linear") + share * alone(asked)


def _features(parts: Mapping[Modality, Mapping[str, Vectors]], layout: Layout) -> Features:
    blocks = {name: vector for part in parts.values() for name, vector in part.items()}
    return Features.of(fuse([blocks], layout), layout)
