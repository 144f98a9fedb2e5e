"""The ``triptych`` command: the client of a gateway, the local stack, and tools."""

import os
from pathlib import Path
from typing import Annotated

import typer

from triptych.cli.lazy import Command, group_of

COMMANDS = (
    Command("up", "triptych.local.cli:up", "local", "Start the stack and run it until Ctrl-C."),
    Command("down", "triptych.local.cli:down", "local", "Stop the stack; its data stays."),
    Command("status", "triptych.local.cli:status", "local", "Show the stack's parts."),
    Command(
        "add",
        "triptych.cli.add:add",
        "cli",
        "Upload items; files of one stem are one item.",
    ),
    Command(
        "batches",
        "triptych.cli.batches:batches",
        "cli",
        "List batches: open ones, then those that have ended.",
    ),
    Command("watch", "triptych.cli.batches:watch", "cli", "Follow a batch until it has ended."),
    Command(
        "failures",
        "triptych.cli.batches:failures",
        "cli",
        "List the items of a batch that failed, in part or altogether.",
    ),
    Command(
        "retry",
        "triptych.cli.batches:retry",
        "cli",
        "Add failed items of a batch again, as a batch of their own.",
    ),
    Command("pause", "triptych.cli.batches:pause", "cli", "Begin nothing more of a batch."),
    Command(
        "resume",
        "triptych.cli.batches:resume",
        "cli",
        "Go on with a batch that was paused.",
    ),
    Command(
        "cancel",
        "triptych.cli.batches:cancel",
        "cli",
        "End a batch; what is searchable stays.",
    ),
    Command(
        "reconcile",
        "triptych.cli.batches:reconcile",
        "cli",
        "Look now for items that got lost on their way.",
    ),
    Command(
        "create",
        "triptych.cli.create:create",
        "cli",
        "Make a collection, or change its shards and replicas.",
    ),
    Command(
        "collections",
        "triptych.cli.rebuild:collections",
        "cli",
        "List collections: how many items each has, and whether it needs a rebuild.",
    ),
    Command(
        "rebuild",
        "triptych.cli.rebuild:rebuild",
        "cli",
        "Make the vectors of a collection anew, for the encoders of the gateway.",
    ),
    Command(
        "rollback",
        "triptych.cli.rebuild:rollback",
        "cli",
        "Go back to the index that a rebuild has replaced.",
    ),
    Command(
        "train",
        "triptych.cli.models:train",
        "cli",
        "Train a model of the items of a collection; `triptych activate` lets it serve.",
    ),
    Command(
        "models",
        "triptych.cli.models:models",
        "cli",
        "List the models that a collection has learnt, or show one.",
    ),
    Command(
        "activate",
        "triptych.cli.models:activate",
        "cli",
        "Let a model serve, unless it finds less than what serves now.",
    ),
    Command(
        "search",
        "triptych.cli.search:search",
        "cli",
        "Search by words, pictures, sounds, or any mix.",
    ),
    Command(
        "similar",
        "triptych.cli.search:similar",
        "cli",
        "Find items like one of the collection.",
    ),
    Command("keys", "triptych.cli.keys:app", "cli", "Make, list and revoke keys of a gateway."),
    Command(
        "items",
        "triptych.cli.items:items",
        "cli",
        "List the items of a collection with their files.",
    ),
    Command("show", "triptych.cli.items:show", "cli", "Show all that is known of an item."),
    Command(
        "change",
        "triptych.cli.items:change",
        "cli",
        "Change fields of an item, or its text, without its media.",
    ),
    Command(
        "delete",
        "triptych.cli.items:delete",
        "cli",
        "Delete items, by their ids or by a filter.",
    ),
    Command(
        "drop",
        "triptych.cli.items:drop",
        "cli",
        "Delete a collection with everything in it.",
    ),
    Command(
        "mcp",
        "triptych.cli.mcp:mcp",
        "mcp",
        "Give agents tools to search collections, by the Model Context Protocol.",
    ),
    Command(
        "migrate",
        "triptych.cli.migrate:migrate",
        "local",
        "Copy collections into another index, and compare.",
    ),
    Command("encoders", "triptych.cli.encoders:encoders", "local", "List the encoders."),
    Command(
        "fit",
        "triptych.cli.encoders:fit",
        "local",
        "Fit an encoder on a corpus.",
    ),
    Command(
        "tune",
        "triptych.cli.relevance:tune",
        "local",
        "Find better weights on judged queries.",
    ),
    Command(
        "evaluate",
        "triptych.cli.evaluate:app",
        "local",
        "Measure encoders and searches.",
    ),
    Command(
        "demo",
        "triptych.cli.demo:demo",
        "local",
        "Start everything, ingest a corpus, ask five questions.",
    ),
)

app = typer.Typer(
    cls=group_of(COMMANDS),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich would take longer to import than all the rest
)


@app.callback()
def triptych(
    key_file: Annotated[
        Path | None,
        typer.Option(
            envvar="TRIPTYCH_KEY_FILE",
            exists=True,
            dir_okay=False,
            help="A file with the key of the gateway, in place of TRIPTYCH_KEY.",
        ),
    ] = None,
) -> None:
    """Multimodal ingestion and search."""
    if key_file is not None:
        os.environ["TRIPTYCH_KEY"] = key_file.read_text().strip()


if __name__ == "__main__":
    app()
