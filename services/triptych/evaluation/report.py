"""Everything that docs/fusion.md tells, measured part by part, as one JSON object."""

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from triptych.corpora import emoji, tuxpaint
from triptych.engine import Engine
from triptych.evaluation import cells, composed, judgements, learned, patterns, strategies, tuning
from triptych.evaluation.fusions import ORACLE, REFERENCE, Values, measured
from triptych.evaluation.metrics import Result, interval
from triptych.evaluation.queries import EncodedSet, encode_set
from triptych.evaluation.ranking import gain
from triptych.evaluation.significance import holm, p_values
from triptych.evaluation.stamps import judged_stamps
from triptych.fusion.classification import Counts, Outcomes
from triptych.training.classifier import TrainedClassifier
from triptych.training.libraries import libraries, versions

Json = dict[str, Any]
SEED = 0
_COMPOSED = ("emoji", "stamps")
_DIGITS = 4


@dataclass(frozen=True)
class Run:
    """What parts have in common: an engine, whose vectors of stamps are made once."""

    engine: Engine
    say: Callable[[str], None]

    @cached_property
    def stamps(self) -> strategies.Stamps:
        """All stamps, encoded."""
        self.say("encoding the stamps")
        return strategies.load(self.engine)


def facts(engine: Engine) -> Json:
    """What the figures depend on: corpora, encoders, versions, seeds."""
    libraries()
    stamps = tuxpaint.fetch()
    return {
        "corpora": {
            "stamps": tuxpaint.release(stamps),
            "emoji": ", ".join(
                folder.name for folder in (*emoji.fetch().values(), emoji.fetch_tags())
            ),
        },
        "encoders": engine.layout.encoders,
        "versions": {**versions(), "python": platform.python_version()},
        "seed": SEED,
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
    }


def of_patterns(run: Run) -> Iterator[tuple[str, Any]]:
    """Yield the cells of ``patterns``, and what the corpus has."""
    stamps, judged = run.stamps, judged_stamps(speech=False)
    questions = patterns.load(run.engine, stamps, judged)
    ranks = list(patterns.run(stamps, questions, seed=SEED, say=run.say))
    run.say("significance of the cells")
    yield "patterns", {"corpus": _corpus(stamps, questions), **cells.summary(ranks)}


def _corpus(stamps: strategies.Stamps, questions: patterns.Questions) -> Json:
    """How many stamps have which parts, and how many are asked for."""
    has = [tuple(p for p in ("text", "image", "audio") if item.has(p)) for item in
           stamps.gallery.items]  # fmt: skip
    return {
        "items": len(has),
        "parts": [[list(pattern), has.count(pattern)] for pattern in dict.fromkeys(sorted(has))],
        "groups": len(set(stamps.examples().groups.tolist())),
        "asked": len(questions),
        "asked with sound": sum("audio" in parts for parts in questions.parts),
    }


def of_judged(run: Run) -> Iterator[tuple[str, Any]]:
    """Yield what the ways to fuse find where parts add to each other, and how tuning goes."""
    found: list[Values] = []
    tuned: list[judgements.Tuned] = []
    for corpus in _COMPOSED:
        judged = replace(composed.composed(corpus), name=f"composed {corpus}")
        encoded = encode_set(run.engine, judged)
        run.say(f"{encoded.judged.name}: {len(encoded.gallery.items)} items")
        halves = composed.halves(corpus)
        ways = learned.ways(encoded, halves, patterns.LEARNT, seed=SEED, say=run.say)
        values = list(measured(encoded, run.engine, ways, recalls=False))
        found += values
        tuned += judgements.curves(tuning.tabulate(encoded, run.engine), values)
    encoded = _stamps_of_several_parts(run.engine)
    run.say(f"{encoded.judged.name}: {len(encoded.gallery.items)} items")
    values = list(measured(encoded, run.engine, only=("linear", "auto"), recalls=False))
    tuned += judgements.curves(tuning.tabulate(encoded, run.engine), values)
    yield "composed", _composed(found)
    yield "judgements", [_rounded(asdict(one)) for one in tuned]


def _stamps_of_several_parts(engine: Engine) -> EncodedSet:
    """The judged stamps without queries of one part, which nothing can be tuned on."""
    judged = judged_stamps(speech=False)
    several = [query for query in judged.queries if "+" in query.kind]
    return encode_set(engine, replace(judged, name="stamps", queries=several))


def _composed(found: Sequence[Values]) -> list[Json]:
    """Each way to fuse beside the sum, by set, kind and gallery; p corrected for all of them."""
    compared = {
        (place, way): each - values.ways[REFERENCE]
        for place, values in enumerate(found)
        for way, each in values.ways.items()
        if way not in {REFERENCE, ORACLE}
    }
    corrected = holm(np.array([p_values(each[:, None])[0] for each in compared.values()]))
    p = dict(zip(compared, corrected.tolist(), strict=True))
    return [
        {
            "set": values.set,
            "gallery": values.gallery,
            "kind": values.kind,
            "queries": len(values.queries),
            "ways": {
                way: _rounded(
                    {
                        "ndcg": interval(each),
                        "gain": gain(each, values.ways[REFERENCE]),
                        "p": p.get((place, way)),
                    }
                )
                for way, each in values.ways.items()
            },
        }
        for place, values in enumerate(found)
    ]


def of_costs(run: Run) -> Iterator[tuple[str, Any]]:
    """Yield what strategies cost."""
    run.say("costs")
    results = strategies.costs(run.stamps, ("block", *patterns.LEARNT), seed=SEED)
    yield "costs", [_result(result) for result in results]


def of_classes(run: Run) -> Iterator[tuple[str, Any]]:
    """Yield how well classifiers do, with what each class was taken for."""
    run.say("classes")
    trained = strategies.classifiers(run.stamps)
    yield (
        "classes",
        {
            "figures": [_result(result) for result in strategies.class_figures(trained)],
            "classes": list(trained[0].model.card.classes),
            "outcomes": {
                name: _outcomes(sum((one.confusion for one in each), start=np.zeros((), np.int64)))
                for name, each in _by_model(trained).items()
            },
        },
    )


def _by_model(trained: Sequence[TrainedClassifier]) -> Mapping[str, list[Any]]:
    return {
        "network": [one.network for one in trained],
        "logistic regression": [one.linear for one in trained],
    }


def _outcomes(confusion: Counts) -> Json:
    """TP, TN, FP and FN of each class over all splits."""
    outcomes = Outcomes.of(confusion)
    return {name: getattr(outcomes, name).tolist() for name in ("tp", "tn", "fp", "fn")}


def _result(result: Result) -> Json:
    return {
        "name": result.encoder,
        "metric": result.metric,
        "value": [float(f"{value:.4g}") for value in (result.value, result.low, result.high)],
        "count": result.queries,
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, tuple | list) else value


PARTS: Mapping[str, Callable[[Run], Iterator[tuple[str, Any]]]] = {
    "patterns": of_patterns,
    "judged": of_judged,
    "costs": of_costs,
    "classes": of_classes,
}
"""What can be measured by itself."""
