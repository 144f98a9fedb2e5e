"""50,000 items in 500 collections: memory and descriptors of every process stay as they are."""

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
from tests.bench import nothing
from tests.bench.figures import Figure, emit, say
from tests.bench.processes import resident_bytes

from triptych.client import Client
from triptych.local import Stack, StackOptions, running_stack
from triptych.local.process import members

_COLLECTIONS = 500
_ITEMS = 100
_LOOKS = 5
"""The second of which is the yardstick: the fusion worker still grows before it."""
_AT_ONCE = 20


def run() -> None:
    """On the embedded index, whose files are what may stay open, with encoders of nothing."""
    with tempfile.TemporaryDirectory() as name:
        options = StackOptions(
            name="many", port=0, index="embedded", keep=False, fresh=True,
            pythons=nothing.interpreters(Path(name)),
        )  # fmt: skip
        looks = []
        with running_stack(options, say=say) as stack, Client(stack.gateway_url) as client:
            for begin in range(0, _COLLECTIONS, _COLLECTIONS // _LOOKS):
                for first in range(begin, begin + _COLLECTIONS // _LOOKS, _AT_ONCE):
                    _fill(client, range(first, first + _AT_ONCE))
                looks.append(_look(stack))
                say(f"{begin + _COLLECTIONS // _LOOKS} collections: {looks[-1]}")
            _check(client)
    _report(looks)


def _fill(client: Client, numbers: Sequence[int]) -> None:
    """Add to some collections at once, search each, and wait until all is there."""
    batches = []
    for number in numbers:
        lines = [
            {"id": str(item), "text": f"item {item} of collection {number}"}
            for item in range(_ITEMS)
        ]
        manifest = "\n".join(map(json.dumps, lines)).encode()
        batches.append(client.submit_manifest(f"c{number}", manifest)["batch"])
    for number, batch in zip(numbers, batches, strict=True):
        while not client.batch(batch).has_ended:
            time.sleep(0.1)
        client.search(f"c{number}", {"text": "item"})


def _check(client: Client) -> None:
    found = [one["items"] for one in client.collections()]
    if len(found) != _COLLECTIONS or any(one["total"] != _ITEMS for one in found):
        raise RuntimeError("not every item is there")


def _look(stack: Stack) -> dict[str, tuple[float, int]]:
    """MiB and descriptors of each part."""
    return {
        part: (
            resident_bytes(stack, part) / 2**20,
            sum(psutil.Process(pid).num_fds() for pid in members(stack.running[part].process.pid)),
        )
        for part in stack.running
    }


def _report(looks: Sequence[Mapping[str, tuple[float, int]]]) -> None:
    for part, (memory, descriptors) in looks[1].items():
        last, last_descriptors = looks[-1][part]
        emit(Figure(f"many.{part}.memory", last, memory, last, "MiB"))
        emit(Figure(f"many.{part}.growth", last / memory, None, None, "×", "≤ 1.1"))
        emit(
            Figure(f"many.{part}.descriptors", last_descriptors, descriptors, last_descriptors, "")
        )
