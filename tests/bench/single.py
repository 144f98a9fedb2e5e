"""A single upload until it is found: on an idle stack, and behind 100,000 queued items."""

import json
import time

import numpy as np
from tests.bench.figures import Floats, emit, resampled, say

from triptych.client import Client
from triptych.local import StackOptions, running_stack

_QUEUED = 100_000
_UPLOADS = 20
_WAIT = 60.0


def run() -> None:
    """Texts, in another collection than the batch, so that the ways part at the queues alone."""
    options = StackOptions(name="single", port=0, keep=False, fresh=True)
    with running_stack(options, say=say) as stack, Client(stack.gateway_url) as client:
        client.create_collection("single")
        _uploads(client, "warm")
        idle = _uploads(client, "idle")
        manifest = "\n".join(
            json.dumps({"id": str(number), "text": f"queued text number {number}"})
            for number in range(_QUEUED)
        )
        batch = client.submit_manifest("bulk", manifest.encode())["batch"]
        while not client.batch(batch).done:
            time.sleep(0.1)
        behind = _uploads(client, "behind")
        if client.batch(batch).has_ended:
            raise RuntimeError("the batch was over before the uploads were")
        client.cancel(batch)
    for moment in ("indexed", "found"):
        before, after = (known[moment] for known in (idle, behind))
        emit(resampled(f"single.{moment}.idle", np.median, [before], "s"))
        emit(resampled(f"single.{moment}.behind", np.median, [after], "s"))
        emit(resampled(f"single.{moment}.behind/idle", _ratio, [after, before], "×", "≤ 2"))


def _ratio(behind: Floats, idle: Floats) -> float:
    return float(np.median(behind) / np.median(idle))


def _uploads(client: Client, name: str) -> dict[str, list[float]]:
    """Seconds of each from the request until it is in the index, and until a search finds it."""
    took: dict[str, list[float]] = {"indexed": [], "found": []}
    for number in range(_UPLOADS):
        word = f"{name}{number}"
        started = time.perf_counter()
        client.add_item("single", {"id": word, "text": f"a note on {word}"}, wait=_WAIT)
        took["indexed"].append(time.perf_counter() - started)
        while not client.search("single", {"text": f"+{word}"})["hits"]:
            time.sleep(0.02)
        took["found"].append(time.perf_counter() - started)
    say(f"{name}: {np.median(took['indexed']):.3f} s, {np.median(took['found']):.3f} s")
    return took
