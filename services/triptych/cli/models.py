"""The commands about what a collection learns: training, its models, and which of them serve."""

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from triptych.cli.rebuild import Name, await_index
from triptych.cli.search import AsJson, Url
from triptych.cli.show import (
    DEFAULT_URL,
    INTERRUPTED,
    command,
    console,
    errors,
    explained,
    print_json,
    print_table,
)
from triptych.client import Client

_COLUMNS = ("model", "active", "share", "trained", "figures")
_SECONDS = 1.0
_ENDED = {"done", "failed", "cancelled"}
Reference = Annotated[str, typer.Argument(help="NAME@FINGERPRINT, as `triptych models` lists it.")]


def train(
    collection: Name,
    url: Url = DEFAULT_URL,
    *,
    strategy: Annotated[
        str, typer.Option(help="attention (the default), convolution or recurrent.")
    ] = "",
    labels: Annotated[
        str,
        typer.Option(help="Train a classifier of the values of this field: tags, metadata.KEY, …"),
    ] = "",
    seed: Annotated[int, typer.Option(help="Of all that is drawn.", min=0)] = 0,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it until it has ended.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Give it up.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model of the items of a collection; `triptych activate` lets it serve.

    A worker of kind `train` does it. Exit codes: 0 it has begun, or ended with --wait; 1 it has
    failed; 2 it can't be done.
    """
    with explained(), Client(url) as client:
        if cancel:
            client.cancel_training(collection)
            errors.print(f"{collection}: the training is given up", markup=False)
            return
        found = client.train(collection, strategy, labels=labels, seed=seed)
        if wait:
            found = _followed(client, collection, url, quiet=as_json)
        _tell(collection, found, as_json=as_json)


def models(
    collection: Name,
    reference: Annotated[
        str, typer.Argument(help="One of them: its figures, and what it was trained on.")
    ] = "",
    url: Url = DEFAULT_URL,
    *,
    delete: Annotated[bool, typer.Option("--delete", help="Delete this one.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the models that a collection has learnt, or show one."""
    with explained(), Client(url) as client:
        if delete and not reference:
            raise typer.BadParameter("--delete needs the reference of a model")
        if delete:
            client.delete_model(collection, reference)
            errors.print(f"{collection}: model {reference} is deleted", markup=False)
            return
        if reference:
            print_json(client.model(collection, reference))
            return
        found = client.models(collection)
    if as_json:
        print_json({"models": found})
        return
    rows = (
        (
            one["reference"],
            "yes" if one["active"] else "no",
            f"{one['share']:g}" if "share" in one else "",
            one["trained"],
            _figures({name: one["metrics"][name] for name in _shown(one["metrics"])}),
        )
        for one in found
    )
    print_table(_COLUMNS, rows, whole=_COLUMNS[:4])


def activate(
    collection: Name,
    reference: Reference,
    url: Url = DEFAULT_URL,
    *,
    off: Annotated[bool, typer.Option("--off", help="Let it serve no more.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Without a comparison.")] = False,
    swap: Annotated[
        bool, typer.Option(help="Whether the new index takes the old one's place by itself.")
    ] = True,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it until it has ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let a model serve, unless it finds less than what serves now.

    Both are compared, then the collection is rebuilt with the model. The old index is kept for
    `triptych rollback`.
    Exit codes: 0 it has begun, or ended with --wait; 1 it is refused, or has stopped; 2 it can't be
    done.
    """
    with explained(), Client(url) as client:
        if off:
            client.deactivate(collection, reference, swap=swap)
        else:
            client.activate(collection, reference, force=force, swap=swap)
        if not off and not force:
            found = client.training(collection)
            if wait:
                found = _followed(client, collection, url, quiet=as_json)
                _compared(client.model(collection, reference))
            if not wait or found["state"] != "done":
                _tell(collection, found, as_json=as_json)
                return
        await_index(client, collection, url, wait=wait, as_json=as_json)


def _followed(client: Client, collection: str, url: str, *, quiet: bool) -> dict[str, Any]:
    """Show how far it is until it has ended; the last state."""
    try:
        return _follow(lambda: client.training(collection), collection, quiet=quiet)
    except KeyboardInterrupt:
        errors.print("interrupted: it goes on without this command. To give it up:")
        errors.print(f"  {command('train', collection, '--cancel', url=url)}", markup=False)
        raise typer.Exit(INTERRUPTED) from None


def _follow(look: Callable[[], dict[str, Any]], title: str, *, quiet: bool) -> dict[str, Any]:
    with errors.status(title, spinner_style="dim") as line:
        while (found := look())["state"] not in _ENDED:
            if not quiet:
                line.update(_sentence(title, found))
            time.sleep(_SECONDS)
        return found


def _tell(collection: str, found: dict[str, Any], *, as_json: bool) -> None:
    """Say how far it is; ends with exit code 1 where it has failed."""
    if as_json:
        print_json({"collection": collection, **found})
    else:
        console.print(_sentence(collection, found), markup=False, highlight=False)
    if found["state"] == "failed":
        raise typer.Exit(1)


def _sentence(collection: str, found: dict[str, Any]) -> str:
    what = found.get("strategy") or found["model"]
    far = f", epoch {found['epoch']}" if "epoch" in found and found["state"] == "running" else ""
    shown = {name: value for name, value in found.get("figures", {}).items() if name != "loss"}
    figures = f" ({_figures({name: shown[name] for name in _shown(shown)})})" if shown else ""
    made = f": {found['model']}" if found["state"] == "done" and "model" in found else ""
    why = f": {found['problem']}" if "problem" in found else ""
    return f"{collection}: {found['task']} {what}: {found['state']}{far}{made}{figures}{why}"


def _compared(model: dict[str, Any]) -> None:
    """What the comparison has shown, a line for each kind of trials."""
    for one in model.get("comparison", {}).get("gains", ()):
        errors.print(
            f"  {one['kind']}: {one['old']:.3f} → {one['new']:.3f} "
            f"({one['low']:+.3f} to {one['high']:+.3f})",
            markup=False,
            highlight=False,
        )


def _shown(figures: dict[str, float]) -> list[str]:
    """The figures that tell most: over all kinds of trials, or the accuracy."""
    telling = ("MRR", "MRR, all", "MRR, all, block", "accuracy", "accuracy, logistic")
    return [name for name in telling if name in figures]


def _figures(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
