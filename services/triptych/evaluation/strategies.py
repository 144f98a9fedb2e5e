"""Fusion strategies on the Tux Paint stamps, by folds over captions; what they cost; a classifier.

Each strategy is fitted on the stamps of four folds and asked for those of the fifth. Stamps with a
caption or a picture in common are in one fold. Items to train on are whole, or 30 or 60 % of them
lost their text or their picture.

* ``text → image``: captions are the queries, the gallery the pictures of the 538 stamps of
  ``captions``, whose captions are hidden; only the own picture counts. ``image → text``: pictures
  find captions among theirs.
* ``text + image``: the judged queries «name + image» (the words of the file's name, and a changed
  picture) among all stamps, of which as many lost a part as of those trained on. Stamps with the
  same caption and picture are right.

Networks are measured alone, and beside the blocks with the share that validation items chose.
``start`` is the closed form that networks begin with. Rates and sizes of the networks were chosen
by folds over these stamps, so the figures are a little optimistic.
"""

import resource
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from triptych.core.item import Item
from triptych.encoders.cards import Vectors, unit_rows
from triptych.engine import Engine
from triptych.evaluation.captions import is_included
from triptych.evaluation.galleries import LOSSES, Gallery, encode_items, label, losing
from triptych.evaluation.joined import Joined
from triptych.evaluation.metrics import Floats, Mask, Result, recall_at, result
from triptych.evaluation.queries import EncodedQuery, encode_queries
from triptych.evaluation.stamps import judged_stamps
from triptych.fusion.blocks import Layout, fuse
from triptych.fusion.examples import Examples
from triptych.fusion.features import Features, Indices
from triptych.fusion.models import Model
from triptych.fusion.strategies.block import BlockFusion
from triptych.fusion.strategies.learned import NETWORKS, LearnedFusion
from triptych.fusion.strategies.projected import Projected, fit_weights
from triptych.fusion.strategies.strategy import Strategy
from triptych.fusion.strategies.trials import make_trials
from triptych.training.classifier import (
    FEWEST,
    Figures,
    TrainedClassifier,
    train_classifier,
)
from triptych.training.fusion import Options, train_fusion

CORPUS = "Tux Paint stamps"
NAMES = ("block", "mean", "weighted", "start", *NETWORKS)
R_AT_10 = 0.60
"""The goal of text → image."""
FOLDS = 5
_KIND = "name + image"
_SEED = 97
"""Of the folds: another than that of training, whose validation items would be one fold's."""
_ROUNDS = 5
_SPLITS = 3
_HAS = 0.7
"""The share of drawn items that have a part."""


@dataclass(frozen=True, eq=False)
class Stamps:
    """All stamps as examples, and what is asked of them."""

    gallery: Gallery
    contents: Sequence[Sequence[str]]
    folders: Sequence[str]
    pictured: Indices
    """The stamps of ``captions``."""
    queries: Features
    answers: Mask
    """(queries, stamps): which stamps answer each query."""

    def examples(self, loss: float = 0.0) -> Examples:
        """All stamps, of which a share lost a part; labels are folders of enough stamps."""
        count = Counter(self.folders)
        labels = [name if count[name] >= 2 * FEWEST else None for name in self.folders]
        return Examples(features_of(losing(self.gallery, loss)), self.contents, labels)


def features_of(gallery: Gallery) -> Features:
    """The features of the items of a gallery, in its order."""
    fused = fuse([blocks for _, blocks in gallery.described], gallery.layout)
    return Features.of(fused, gallery.layout)


def load(engine: Engine) -> Stamps:
    """Encode stamps and queries: a minute or two. Raises CorpusUnavailable."""
    judged = judged_stamps(speech=False)
    gallery = encode_items(engine, judged.items)
    items = gallery.items
    place = {item.id: row for row, item in enumerate(items)}
    asked = [query for query in judged.queries if query.kind == _KIND]
    answers = np.zeros((len(asked), len(items)), np.bool_)
    for row, query in enumerate(asked):
        answers[
            row, [place[one] for one, grade in judged.grades[query.id].items() if grade > 1]
        ] = 1
    lines = [{"tags": item.fields.get("tags", ()), **_picture(item)} for item in items]
    return Stamps(
        gallery,
        [contents_of(item) for item in items],
        ["/".join(line["tags"][:1]) for line in lines],
        np.flatnonzero([is_included(line) for line in lines]),
        _as_features(encode_queries(engine, asked), engine.layout),
        answers,
    )


def _picture(item: Item) -> dict[str, str]:
    return {} if item.image is None else {"image": item.image}


def contents_of(item: Item) -> list[str]:
    """What makes an item the same as another: its caption and its picture."""
    return [each for each in ((item.text or "").casefold(), item.image) if each]


def _as_features(queries: Sequence[EncodedQuery], layout: Layout) -> Features:
    blocks = [
        {name: vector for part in query.encoded.vectors.values() for name, vector in part.items()}
        for query in queries
    ]
    return Features.of(fuse(blocks, layout), layout)


def run(
    stamps: Stamps,
    names: Sequence[str] = NAMES,
    losses: Sequence[float] = LOSSES,
    *,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Result]:
    """Yield R@10 of each strategy by gallery and task."""
    for loss in losses:
        examples = stamps.examples(loss)
        fold = folds(examples)
        for name in names:
            values: dict[tuple[str, str], list[Floats]] = defaultdict(list)
            for each in range(FOLDS):
                say(f"{label(loss)}: {name}, fold {each + 1} of {FOLDS}")
                for strategy in fitted(name, examples.rows(fold != each), seed):
                    for task, found in _asked(stamps, examples, fold == each, strategy):
                        title = name if name == "start" else strategy.name
                        values[title, task].append(found)
            for (title, task), each_fold in values.items():
                goal = R_AT_10 if task == "text → image" and name in NETWORKS and not loss else None
                yield result(
                    f"{CORPUS}, {label(loss)}",
                    title,
                    f"R@10, {task}",
                    np.concatenate(each_fold),
                    goal,
                )


def folds(examples: Examples) -> Indices:
    """The fold of each item, (n,), from 0; caption or picture in common, fold in common."""
    return (examples.places(_SEED) * FOLDS).astype(np.int64)


def fitted(name: str, training: Examples, seed: int) -> Iterator[Strategy]:
    """A strategy by its name; a network alone, then beside the blocks."""
    layout = training.features.layout
    block = BlockFusion(layout)
    if name == "block":
        yield block
    elif name == "mean":
        yield Projected(layout)
    elif name == "weighted":
        yield fit_weights(layout, make_trials(training.features, training.groups, seed=seed))
    else:
        model = trained(name, training, seed)
        learned = LearnedFusion.of(model, layout)
        yield learned
        if name != "start":
            yield Joined(block, learned, model.card.share)


def trained(name: str, training: Examples, seed: int) -> Model:
    """The model of a network by its name, or of the closed form that all begin with."""
    options = Options(epochs=0) if name == "start" else Options()
    network = "attention" if name == "start" else name
    return train_fusion(network, training, seed=seed, options=options).model


def _asked(
    stamps: Stamps, examples: Examples, held: Mask, strategy: Strategy
) -> Iterator[tuple[str, Floats]]:
    """The values of each query of a fold, by task."""
    whole = features_of(stamps.gallery).rows(stamps.pictured)
    mine = np.flatnonzero(held[stamps.pictured])
    own = np.eye(len(stamps.pictured), dtype=np.bool_)[mine]
    texts, pictures = whole.only(["text"]), whole.only(["image"])
    for task, queries, gallery in (
        ("text → image", texts, pictures),
        ("image → text", pictures, texts),
    ):
        yield task, recall_at(10, strategy.scores(queries.rows(mine), gallery), own)
    first = stamps.answers.argmax(axis=1)
    asked = np.flatnonzero(held[first])
    scores = strategy.scores(stamps.queries.rows(asked), examples.features)
    yield "text + image", recall_at(10, scores, stamps.answers[asked])


def costs(stamps: Stamps, names: Sequence[str] = NAMES, *, seed: int = 0) -> Iterator[Result]:
    """Yield what strategies cost: seconds of training, µs an item and a query, bytes an item.

    The floor of an item is what NumPy takes to put its blocks side by side (``block``), or to
    multiply them by a matrix of the same width. Values are medians of rounds, between the extremes.
    """
    examples = stamps.examples()
    items = examples.features
    query = items.rows(stamps.pictured[:1]).only(["text"])
    matrix = np.random.default_rng(0).normal(size=(items.layout.dims, 384)).astype(np.float32)
    blocks = [items.block(name) for name in items.layout.slices]
    yield _timed("NumPy concatenate", "µs an item", lambda: np.concatenate(blocks, 1), len(items))
    yield _timed("NumPy matmul", "µs an item", lambda: items.vectors @ matrix, len(items))
    yield _timed("NumPy matmul", "µs a query", lambda: query.vectors @ matrix, 1)
    for name in names:
        begun = time.perf_counter()
        for strategy in fitted(name, examples, seed):
            seconds = time.perf_counter() - begun
            yield _one(CORPUS, strategy.name, "seconds of fitting", seconds, len(items))
            yield _timed(strategy.name, "µs an item", lambda: strategy.fuse(items), len(items))  # noqa: B023
            yield _timed(strategy.name, "µs a query", lambda: strategy.fuse_query(query), 1)  # noqa: B023
            yield _one(CORPUS, strategy.name, "bytes an item", strategy.dims * 4, len(items))


def _one(corpus: str, name: str, metric: str, value: float, count: int) -> Result:
    """A value that was measured once."""
    return Result(corpus, name, metric, value, value, value, count)


def _timed(name: str, metric: str, work: Callable[[], object], count: int) -> Result:
    work()
    times = []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) / count * 1e6)
    return Result(CORPUS, name, metric, float(np.median(times)), min(times), max(times), count)


def classes(stamps: Stamps) -> Iterator[Result]:
    """Yield how well the folder of a stamp is told, over three splits into thirds."""
    yield from class_figures(classifiers(stamps))


def classifiers(stamps: Stamps) -> list[TrainedClassifier]:
    """Classifiers of folders, one of each split."""
    examples = stamps.examples()
    return [train_classifier(examples, seed=seed) for seed in range(_SPLITS)]


def class_figures(trained: Sequence[TrainedClassifier]) -> Iterator[Result]:
    """Yield accuracy, macro F1 and calibration error of networks and of linear models."""
    for name, each in (
        ("network", [one.network for one in trained]),
        ("logistic regression", [one.linear for one in trained]),
    ):
        right = np.concatenate([_right(figures) for figures in each])
        yield result(f"{CORPUS}, folder", name, "accuracy", right)
        for metric, values in (
            ("macro F1", [figures.macro_f1 for figures in each]),
            ("calibration error", [figures.calibration_error for figures in each]),
        ):
            mean = float(np.mean(values))
            yield Result(
                f"{CORPUS}, folder", name, metric, mean, min(values), max(values), len(right)
            )


def _right(figures: Figures) -> Floats:
    """1 for each test item whose class was found."""
    right = np.trace(figures.confusion)
    return np.repeat([1.0, 0.0], [right, figures.confusion.sum() - right])


def large(layout: Layout, count: int, *, network: str = "attention") -> Iterator[Result]:
    """Yield seconds and bytes of training on drawn features, parts of one hidden meaning each."""
    draw = np.random.default_rng(0)
    meaning = draw.normal(size=(count, 16)).astype(np.float32)
    vectors: Vectors = np.zeros((count, layout.dims), np.float32)
    has = {part: draw.random(count) < _HAS for part in layout.parts.values()}
    has["text"] |= ~np.any(list(has.values()), axis=0)
    for block in layout.blocks:
        rows = meaning @ draw.normal(size=(16, block.dims)).astype(np.float32)
        rows = unit_rows(rows + draw.normal(size=rows.shape).astype(np.float32))
        vectors[:, layout.slices[block.name]] = rows * has[layout.parts[block.name]][:, None]
    examples = Examples(Features.of(vectors, layout), [[str(row)] for row in range(count)])
    trained = train_fusion(network, examples)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0
    corpus = f"{count} drawn items"
    yield _one(corpus, network, "seconds of training", trained.seconds, count)
    yield _one(corpus, network, "bytes at most", peak, count)
    gain = trained.gains[-1]
    yield Result(corpus, network, "MRR beyond block", gain.gain, gain.low, gain.high, gain.queries)
