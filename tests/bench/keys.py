"""What the door costs a request: with a key of a thousand, with a token, and without any."""

import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from flask.testing import FlaskClient
from tests.bench.figures import Floats, emit, resampled

from triptych.core.settings import Settings
from triptych.engine import Engine
from triptych.gateway.app import create_app
from triptych.gateway.services import Services

_KEYS = 1000
_REQUESTS = 1500
_GOAL = 0.2
_PATH = "/v1/collections/c/items"


def run() -> None:
    """The same request in turns, in this process; its processor time, without a network between."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with tempfile.TemporaryDirectory() as folder:
        opened, keyed = _gateway(Path(folder) / "open"), _gateway(Path(folder) / "keyed")
        master = keyed.post("/v1/keys", json={"name": "first", "scopes": ["admin"]}).json["key"]
        for number in range(_KEYS):
            wanted = {"name": str(number), "scopes": ["read"], "collections": ["c"]}
            made = keyed.post("/v1/keys", json=wanted, headers=_bearer(master))
        whole = {"collections": ["c"]}
        token = keyed.post("/v1/tokens", json=whole, headers=_bearer(master)).json["token"]
        ways: dict[str, tuple[FlaskClient, dict[str, str]]] = {
            "open": (opened, {}),
            "key": (keyed, _bearer(made.json["key"])),
            "token": (keyed, _bearer(token)),
        }
        spent: dict[str, list[float]] = {name: [] for name in ways}
        order = np.random.default_rng(1)
        for _ in range(_REQUESTS):
            for name in order.permutation(list(ways)):
                client, headers = ways[name]
                start = time.process_time()
                response = client.get(_PATH, headers=headers)
                spent[name].append(time.process_time() - start)
                assert response.status_code == 200, response.text
        for name in ("key", "token"):
            pair = (spent[name], spent["open"])
            goal = f"< {_GOAL}" if name == "key" else None
            emit(resampled(f"keys.{name}", _more, pair, "ms a request", goal))
            emit(resampled(f"keys.{name}.mean", _more_in_mean, pair, "ms a request"))


def _gateway(folder: Path) -> FlaskClient:
    engine = Engine.open(Settings.of_folder(folder))
    engine.create_collection("c")
    nothing: Any = None
    services = Services(engine, nothing, nothing, nothing, threading.Semaphore())
    return create_app(services).test_client()


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _more(ours: Floats, others: Floats) -> float:
    return float(1000 * (np.median(ours) - np.median(others)))


def _more_in_mean(ours: Floats, others: Floats) -> float:
    """The look at the folder of keys, every two seconds, included."""
    return float(1000 * (np.mean(ours) - np.mean(others)))


if __name__ == "__main__":
    run()
