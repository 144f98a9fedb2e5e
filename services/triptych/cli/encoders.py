"""``triptych encoders`` and ``fit``."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.table import Table

from triptych.cli.media import decoded, pairs
from triptych.cli.show import console, errors, print_json
from triptych.core.errors import TriptychError
from triptych.core.item import Modality
from triptych.core.settings import Encoders
from triptych.encoders import artefacts, registry
from triptych.encoders.roles import assigned
from triptych.encoders.weights import WeightsError
from triptych.local.options import stack_home
from triptych.local.parts import media_url
from triptych.media.store import MediaStore

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]


def encoders(*, as_json: AsJson = False) -> None:
    """List the encoders."""
    rows = [_facts(name) for name in sorted(registry.encoders())]
    if as_json:
        for row in rows:
            print_json(row)
        return
    table = Table(box=None, header_style="bold")
    for title in ("name", "modality", "dims", "fit first", "role", "extra", "licence"):
        table.add_column(
            title,
            justify="right" if title == "dims" else "left",
            no_wrap=title not in {"role", "licence"},
            overflow="fold",
            min_width={"name": max(map(len, registry.encoders())), "licence": 12}.get(title),
        )
    for row in sorted(rows, key=lambda row: (row["modality"], row["name"])):
        table.add_row(
            row["name"],
            row["modality"],
            str(row["dims"]),
            "yes" if row["needs_fit"] else "",
            ", ".join(f"{role}*" if role in row["fills"] else role for role in row["roles"]),
            row["extra"] if row["installed"] else f"{row['extra']} (not installed)",
            row["licence"],
        )
    console.print(table)
    console.print("* by default", style="dim")


def _facts(name: str) -> dict[str, Any]:
    entry = registry.entry(name)
    return {
        **asdict(entry.card),
        "fingerprint": entry.card.fingerprint,
        "extra": entry.depends.extra,
        "installed": not entry.depends.missing,
        "roles": entry.roles,
        "fills": [
            role.block
            for role, reference in assigned(Encoders())
            if reference.partition("@")[0] == name
        ],
    }


def fit(
    encoder: Annotated[
        str, typer.Argument(help="The name of an encoder that is fitted; see triptych encoders.")
    ],
    paths: Annotated[list[Path], typer.Argument(help="Folders, files, or JSONL manifests.")],
    stack: Annotated[str, typer.Option("--stack", help="The local stack to fit for.")] = "default",
    media: Annotated[
        str | None,
        typer.Option(
            "--media-url", envvar="TRIPTYCH_MEDIA_URL", help="The URL of any other media store."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same encoder.")] = 0,
) -> None:
    """Fit an encoder on a corpus.

    Prints the reference that the settings take.
    """
    used = 0

    def skip(name: str, reason: str) -> None:
        errors.print(f"skipped {name}: {reason}", markup=False, style="yellow")

    def counted(corpus: Iterable[Any]) -> Iterator[Any]:
        nonlocal used
        for element in corpus:
            used += 1
            yield element

    try:
        entry = registry.entry(encoder)
        store = MediaStore(media or media_url(stack_home(stack)))
        if entry.needs_text:
            text = registry.open_encoder(Encoders().semantic, store=store)
            artefact = registry.fit(encoder, counted(pairs(paths, skip)), seed=seed, text=text)
        else:
            modality = cast("Modality", entry.card.modality)  # each encoder has one
            corpus = decoded(paths, modality, skip)
            artefact = registry.fit(encoder, counted(corpus), seed=seed)
        artefacts.save(store, artefact)
        if not entry.needs_text:  # stores the card: fusion workers need not open the encoder
            registry.card_of(artefact.reference, store)
    except (TriptychError, WeightsError, OSError) as error:
        errors.print(f"error: {error}", markup=False, style="red")
        raise typer.Exit(2) from error
    errors.print(f"{encoder} is fitted on {used} elements of the corpus:", highlight=False)
    print(artefact.reference)  # noqa: T201
