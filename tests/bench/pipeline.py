"""Items a second of the whole pipeline, over those of a bare loop with the same models."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench import photographs
from tests.bench.bare import BareLoop
from tests.bench.figures import emit, extremes, say
from tests.bench.processes import cpu_seconds
from tests.bench.setting import Line, Setting
from tests.support import layout

from triptych.index.elastic.mapping import mapping
from triptych.local import PART_NAMES

_ROUNDS = 5
"""The first of which warms both sides and is dropped."""
_PHOTOGRAPHS = 400


def run(setting: Setting) -> None:
    """With the stamps, then with photographs."""
    _compare("pipeline", setting, setting.root, setting.lines)
    lines = photographs.draw(setting.import_root, _PHOTOGRAPHS)
    _compare("pipeline.photographs", setting, setting.import_root, lines)


def _compare(name: str, setting: Setting, root: Path, lines: Sequence[Line]) -> None:
    """Take turns, each into an index of its own; report rates, their ratio, and CPU time."""
    count = len(lines)
    pipeline: list[float] = []
    bare: list[float] = []
    spent: list[dict[str, float]] = []
    bare_spent: list[dict[str, float]] = []
    with BareLoop(setting.stack.index_url, root) as loop:
        for turn in range(_ROUNDS):
            before = _cpu(setting)
            seconds = _pipeline_turn(setting, f"pipeline-{turn}", lines)
            between = _cpu(setting)
            bare_seconds, bare_cpu = _bare_turn(setting, loop, f"bare-{turn}", lines)
            after = _cpu(setting)
            say(
                f"round {turn}: pipeline {count / seconds:.1f}/s, bare {count / bare_seconds:.1f}/s"
            )
            if turn == 0:
                continue
            pipeline.append(count / seconds)
            bare.append(count / bare_seconds)
            spent.append({part: between[part] - before[part] for part in before})
            server_cpu = after["elasticsearch"] - between["elasticsearch"]
            bare_spent.append({"loop": bare_cpu, "elasticsearch": server_cpu})
    ratios = [ours / theirs for ours, theirs in zip(pipeline, bare, strict=True)]
    emit(extremes(f"{name}.ratio", ratios, "×", "≥ 0.9"))
    emit(extremes(f"{name}.rate", pipeline, "items/s"))
    emit(extremes(f"{name}.bare_rate", bare, "items/s"))
    _report_cpu(name, spent, bare_spent, count)


def _report_cpu(
    name: str, spent: Sequence[Mapping[str, float]], bare: Sequence[Mapping[str, float]], count: int
) -> None:
    """Processor time of both sides: hardly moved by what else the machine does."""
    ratios = [
        sum(theirs.values()) / sum(ours.values()) for ours, theirs in zip(spent, bare, strict=True)
    ]
    emit(extremes(f"{name}.cpu_ratio", ratios, "×"))
    for side, rounds in ((f"{name}.cpu", spent), (f"{name}.bare_cpu", bare)):
        for part in rounds[0]:
            times = [1000 * parts[part] / count for parts in rounds]
            emit(extremes(f"{side}.{part}", times, "ms/item"))


def _cpu(setting: Setting) -> dict[str, float]:
    return {part: cpu_seconds(setting.stack, part) for part in PART_NAMES}


def _pipeline_turn(setting: Setting, collection: str, lines: Sequence[Line]) -> float:
    setting.forget_media()
    seconds = setting.ingest(collection, lines)
    setting.drop(collection)
    return seconds


def _bare_turn(
    setting: Setting, loop: BareLoop, collection: str, lines: Sequence[Line]
) -> tuple[float, float]:
    index = setting.alias(collection)
    setting.elastic.indices.create(
        index=index,
        mappings=mapping(layout(), identity=index),
        settings={"number_of_shards": 1, "number_of_replicas": 0},
    )
    took = loop.run(index, lines)
    setting.elastic.indices.delete(index=index)
    return took
