"""What the page tells of costs and classes, and of how all was measured."""

from collections.abc import Sequence
from itertools import chain

from triptych.evaluation.page.numbers import Json, bounded, called, number, table

_TIMES = ("µs an item", "µs a query")
_FLOOR = "NumPy matmul"


def costs(known: Sequence[Json]) -> str:
    """Seconds, µs and bytes; times also as ratios to NumPy's floor of the same run."""
    found = {(one["name"], one["metric"]): one["value"] for one in known}
    rows = []
    for name in dict.fromkeys(one["name"] for one in known):
        cells = [_once(found.get((name, "seconds of fitting")))]
        for metric in _TIMES:
            value = found.get((name, metric))
            ratio = None if value is None else value[0] / found[_FLOOR, metric][0]
            cells += [_times(value), "" if ratio is None else f"{ratio:.2f}"]
        cells.append(_once(found.get((name, "bytes an item"))))
        rows.append([called(name, words=False), *cells])
    header = ["", "fitting, s", *chain.from_iterable((one, "× floor") for one in _TIMES), "bytes"]
    return table(header, rows)


def _once(value: Sequence[float] | None) -> str:
    """What was measured once: whole numbers from 100 on."""
    return "" if value is None else _round(value[0])


def _times(value: Sequence[float] | None) -> str:
    """A median between the extremes."""
    if value is None:
        return ""
    middle, low, high = map(_round, value)
    return middle if low == high else f"{middle} ({low}–{high})"


def _round(value: float) -> str:
    """Two digits or all before the point; less than a hundredth is nothing."""
    return "0" if value < _NOTHING else f"{value:.0f}" if value >= _TEN else f"{value:.2g}"


_NOTHING, _TEN = 0.01, 10


def classes(known: Json) -> str:
    """Accuracy of both models, then the outcomes of each class."""
    figures = {(one["name"], one["metric"]): one for one in known["figures"]}
    names = list(dict.fromkeys(one["name"] for one in known["figures"]))
    metrics = list(dict.fromkeys(one["metric"] for one in known["figures"]))
    rows = [
        [metric, *[bounded(figures[name, metric]["value"]) for name in names]] for metric in metrics
    ]
    count = known["figures"][0]["count"]
    first = table([f"{count} test stamps", *names], rows)
    outcomes = known["outcomes"]
    rows = [
        [one, *[str(outcomes[name][kind][place]) for name in names
                for kind in ("tp", "tn", "fp", "fn")],
         *[_accuracy(outcomes[name], place) for name in names]]
        for place, one in enumerate(known["classes"])
    ]  # fmt: skip
    header = [
        "class",
        *[f"{name}: {kind}" if kind == "TP" else kind for name in names
          for kind in ("TP", "TN", "FP", "FN")],
        *[f"accuracy, {name}" for name in names],
    ]  # fmt: skip
    return f"{first}\n\n{table(header, rows)}"


def _accuracy(outcomes: Json, place: int) -> str:
    """(TP + TN) / all."""
    tp, tn, fp, fn = (outcomes[name][place] for name in ("tp", "tn", "fp", "fn"))
    return number((tp + tn) / (tp + tn + fp + fn))


def measured(known: Json) -> str:
    """Corpora, encoders, versions and seeds of each part."""
    lines = []
    for facts, parts in _alike(known):
        versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
        encoders = ", ".join(f"{block}: {name}" for block, name in facts["encoders"].items())
        corpora = ", ".join(f"`{name}`" for name in facts["corpora"].values())
        lines.append(
            f"- {', '.join(parts)}: {versions}; {encoders}; {corpora}; seed {facts['seed']}"
            + (f"; OMP_NUM_THREADS={facts['threads']}" if facts["threads"] else "")
            + "."
        )
    return "\n".join(lines)


def _alike(known: Json) -> list[tuple[Json, list[str]]]:
    """The parts that were measured with the same."""
    alike: list[tuple[Json, list[str]]] = []
    for part, facts in known.items():
        for other, parts in alike:
            if other == facts:
                parts.append(part)
                break
        else:
            alike.append((facts, [part]))
    return alike
