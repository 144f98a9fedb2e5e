"""The commands about models, against a stand-in for the gateway."""

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from triptych.cli import models
from triptych.cli.main import app
from triptych.client import ClientError
from unit.cli.test_rebuild import BUILT, Gateway, index

REFERENCE = "attention@0123456789abcdef"
WAITING = {"task": "train", "state": "waiting", "strategy": "attention", "asked": "now"}


@pytest.fixture(autouse=True)
def gateway(monkeypatch) -> type[Gateway]:
    """The only gateway."""
    monkeypatch.setattr(models, "Client", Gateway)
    monkeypatch.setattr(models, "_SECONDS", 0.01)
    Gateway.asked.clear()
    Gateway.answers.clear()
    return Gateway


def run(*arguments: str) -> Result:
    """Run ``triptych``."""
    return CliRunner().invoke(app, arguments)


def test_a_training_begins(gateway):
    """And says so."""
    gateway.answers["POST /zoo/train"] = WAITING
    result = run("train", "zoo")
    assert (result.exit_code, result.stdout) == (0, "zoo: train attention: waiting\n")
    assert gateway.asked == [("POST", "/zoo/train", {})]
    run("train", "zoo", "--labels", "metadata.kind", "--seed", "3")
    assert gateway.asked[-1] == ("POST", "/zoo/train", {"labels": "metadata.kind", "seed": 3})


def test_a_training_is_followed_to_its_end(gateway):
    """With its figures; one that fails is a failure."""
    gateway.answers["POST /zoo/train"] = WAITING
    running = {**WAITING, "state": "running", "epoch": 3, "figures": {"loss": 1.0, "MRR": 0.5}}
    figures = {"MRR, all": 0.512, "MRR, all, block": 0.4, "MRR, changed text": 1.0}
    done = {**WAITING, "state": "done", "model": REFERENCE, "epoch": 9, "figures": figures}
    gateway.answers["GET /zoo/train"] = iter([WAITING, running, done])
    result = run("train", "zoo", "--wait")
    assert (result.exit_code, result.stdout) == (
        0, f"zoo: train attention: done: {REFERENCE} (MRR, all 0.512, MRR, all, block 0.400)\n"
    )  # fmt: skip
    gateway.answers["GET /zoo/train"] = {**WAITING, "state": "failed", "problem": "too few items"}
    result = run("train", "zoo", "--wait", "--json")
    assert (result.exit_code, json.loads(result.stdout)["problem"]) == (1, "too few items")


def test_a_training_is_given_up(gateway):
    """What the gateway refuses is told."""
    assert run("train", "zoo", "--cancel").exit_code == 0
    assert gateway.asked == [("DELETE", "/zoo/train", None)]
    gateway.answers["POST /zoo/train"] = ClientError("no worker of kind train is there", 503)
    result = run("train", "zoo")
    assert (result.exit_code, result.stderr) == (2, "error: no worker of kind train is there\n")


def test_models_are_listed(gateway):
    """Or one of them is shown, or deleted."""
    one = {"reference": REFERENCE, "active": True, "share": 0.4, "trained": "2026-11-30T06:18:10Z",
           "metrics": {"MRR, all": 0.5}}  # fmt: skip
    gateway.answers["GET /zoo/models"] = {"models": [one]}
    expected = f"{REFERENCE}\tyes\t0.4\t2026-11-30T06:18:10Z\tMRR, all 0.500\n"
    assert run("models", "zoo").stdout == expected
    gateway.answers[f"GET /zoo/models/{REFERENCE}"] = one
    assert json.loads(run("models", "zoo", REFERENCE).stdout) == one
    assert run("models", "zoo", REFERENCE, "--delete").exit_code == 0
    assert gateway.asked[-1] == ("DELETE", f"/zoo/models/{REFERENCE}", None)


def test_a_model_is_activated(gateway):
    """First it is compared, then the collection is rebuilt."""
    state = {"task": "activate", "state": "waiting", "model": REFERENCE, "asked": "now"}
    gain = {"kind": "all", "old": 0.4, "new": 0.5, "gain": 0.1, "low": 0.05, "high": 0.15}
    gateway.answers["GET /zoo/train"] = iter([state, state, {**state, "state": "done"}])
    gateway.answers[f"GET /zoo/models/{REFERENCE}"] = {"comparison": {"gains": [gain]}}
    gateway.answers["GET /zoo"] = iter([index("rebuilding", done=1, total=2), index("current")])
    result = run("activate", "zoo", REFERENCE, "--wait")
    assert (result.exit_code, result.stdout) == (0, "zoo: current\n")
    assert "all: 0.400 → 0.500 (+0.050 to +0.150)" in result.stderr
    assert gateway.asked[0] == ("POST", f"/zoo/models/{REFERENCE}/activate", {})


def test_a_model_that_is_refused_is_a_failure(gateway):
    """With the reason."""
    refused = {"task": "activate", "state": "failed", "model": REFERENCE, "problem": "finds less"}
    gateway.answers["GET /zoo/train"] = refused
    result = run("activate", "zoo", REFERENCE, "--wait")
    assert (result.exit_code, "finds less" in result.stdout) == (1, True)
    assert not isinstance(gateway.answers.get("GET /zoo"), Iterator)


def test_a_model_serves_no_more_or_at_any_rate(gateway):
    """Without a comparison."""
    gateway.answers["GET /zoo"] = index("rebuilding", previous=BUILT)
    assert run("activate", "zoo", REFERENCE, "--off").stdout == "zoo: rebuilding\n"
    run("activate", "zoo", REFERENCE, "--force", "--no-swap")
    posted = [one[1:] for one in gateway.asked if one[0] == "POST"]
    assert posted == [
        (f"/zoo/models/{REFERENCE}/deactivate", {}),
        (f"/zoo/models/{REFERENCE}/activate", {"force": True, "swap": False}),
    ]


def test_a_model_that_is_not_named_is_not_deleted(gateway):
    """Nothing is asked of the gateway."""
    result = run("models", "zoo", "--delete")
    assert (result.exit_code, gateway.asked) == (2, [])
    assert "needs the reference of a model" in result.output
