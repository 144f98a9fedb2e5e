"""Items a second of the whole pipeline, over those of a bare loop with the same models."""

from collections.abc import Mapping, Sequence

from tests.bench.bare import BareLoop
from tests.bench.figures import emit, extremes, say
from tests.bench.processes import cpu_seconds
from tests.bench.setting import Setting
from tests.support import layout

from triptych.index.elastic.mapping import mapping
from triptych.local import PART_NAMES

_ROUNDS = 5
"""The first of which warms both sides and is dropped."""


def run(setting: Setting) -> None:
    """Take turns, each into an index of its own; report rates, their ratio, and CPU time."""
    count = len(setting.lines)
    pipeline: list[float] = []
    bare: list[float] = []
    spent: list[dict[str, float]] = []
    bare_spent: list[dict[str, float]] = []
    with BareLoop(setting.stack.index_url, setting.root) as loop:
        for turn in range(_ROUNDS):
            before = _cpu(setting)
            seconds = _pipeline_turn(setting, f"pipeline-{turn}")
            between = _cpu(setting)
            bare_seconds, bare_cpu = _bare_turn(setting, loop, f"bare-{turn}")
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
    emit(extremes("pipeline.ratio", ratios, "×", "≥ 0.75"))
    emit(extremes("pipeline.rate", pipeline, "items/s"))
    emit(extremes("pipeline.bare_rate", bare, "items/s"))
    _report_cpu(spent, bare_spent, count)


def _report_cpu(
    spent: Sequence[Mapping[str, float]], bare: Sequence[Mapping[str, float]], count: int
) -> None:
    """Processor time of both sides: hardly moved by what else the machine does."""
    ratios = [
        sum(theirs.values()) / sum(ours.values()) for ours, theirs in zip(spent, bare, strict=True)
    ]
    emit(extremes("pipeline.cpu_ratio", ratios, "×"))
    for side, rounds in (("pipeline.cpu", spent), ("pipeline.bare_cpu", bare)):
        for part in rounds[0]:
            times = [1000 * parts[part] / count for parts in rounds]
            emit(extremes(f"{side}.{part}", times, "ms/item"))


def _cpu(setting: Setting) -> dict[str, float]:
    return {part: cpu_seconds(setting.stack, part) for part in PART_NAMES}


def _pipeline_turn(setting: Setting, collection: str) -> float:
    setting.forget_media()
    seconds = setting.ingest(collection)
    setting.drop(collection)
    return seconds


def _bare_turn(setting: Setting, loop: BareLoop, collection: str) -> tuple[float, float]:
    index = setting.alias(collection)
    setting.elastic.indices.create(
        index=index,
        mappings=mapping(layout()),
        settings={"number_of_shards": 1, "number_of_replicas": 0},
    )
    took = loop.run(index, setting.lines)
    setting.elastic.indices.delete(index=index)
    return took
