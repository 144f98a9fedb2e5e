"""``triptych search`` and ``triptych similar``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from triptych.cli import criteria
from triptych.cli.answers import print_answer
from triptych.cli.show import failure, print_json
from triptych.client import Client, ClientError

DEFAULT_URL = "http://127.0.0.1:8080"
Url = Annotated[str, typer.Option(envvar="TRIPTYCH_URL", help="The gateway.")]
Collection = Annotated[str, typer.Option("--collection", "-c", help="The collection.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: one answer a line.")]
Media = Annotated[
    list[str] | None, typer.Option(help="A file, item:ID, or a URL where the gateway allows it.")
]
NotMedia = Annotated[list[str] | None, typer.Option(help="Unlike this, given likewise.")]
Filter = Annotated[
    list[str] | None,
    typer.Option(
        "--filter", help="As tags=a,b, status!=failed, metadata.year>=2000, or JSON; all must hold."
    ),
]
Tag = Annotated[list[str] | None, typer.Option(help="Only items with all these tags.")]
Keyword = Annotated[list[str] | None, typer.Option(help="Likewise of keywords.")]
Weight = Annotated[
    list[str] | None, typer.Option(help="As text=2, image=0.5; also keyword, audio, not.")
]
Fusion = Annotated[str, typer.Option(help="linear, rrf or dbsf.")]
Facet = Annotated[
    list[str] | None, typer.Option(help="Count values: tags, tags:30, metadata.year, or JSON.")
]
Sort = Annotated[list[str] | None, typer.Option(help="As added:desc, metadata.year, id, or score.")]
Fields = Annotated[
    list[str] | None, typer.Option(help="What to return of items, as text,metadata.year.")
]
Highlight = Annotated[bool, typer.Option("--highlight", help="Mark the words that were found.")]
NoExplain = Annotated[bool, typer.Option("--no-explain", help="Leave the reasons out.")]
Limit = Annotated[int, typer.Option("--limit", "-n", help="How many hits, of each page.")]

_REFERENCES = ("item:", "http://", "https://")


def search(  # noqa: PLR0917
    text: Annotated[
        list[str] | None, typer.Argument(help="Words and phrases; several are one query.")
    ] = None,
    image: Media = None,
    audio: Media = None,
    not_text: Annotated[list[str] | None, typer.Option(help="Unlike these words.")] = None,
    not_image: NotMedia = None,
    not_audio: NotMedia = None,
    like: Annotated[
        list[str] | None,
        typer.Option(help="Like this item, by every part that it has; itself is left out."),
    ] = None,
    url: Url = DEFAULT_URL,
    collection: Collection = "default",
    filters: Filter = None,
    tag: Tag = None,
    keyword: Keyword = None,
    language: Annotated[str | None, typer.Option(help="Of the words, as ISO 639-1 has it.")] = None,
    syntax: Annotated[
        str, typer.Option(help='simple: "a phrase", ele*, elefant~, +must, -not; none: plain.')
    ] = "simple",
    weight: Weight = None,
    fusion: Fusion = "linear",
    facet: Facet = None,
    sort: Sort = None,
    fields: Fields = None,
    limit: Limit = 10,
    cursor: Annotated[
        str | None, typer.Option(help='Go on from an answer\'s cursor; "*" begins.')
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every page there is.")] = False,
    highlight: Highlight = False,
    no_explain: NoExplain = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Near-duplicates of the picture first.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Search by words, pictures, sounds, or any mix.

    Without any of them, list the items that pass the filter.
    """
    options = criteria.given(
        {
            "language": language,
            "syntax": None if syntax == "simple" else syntax,
            "highlight": highlight or None,
            "verify": verify or None,
            "cursor": "*" if every and cursor is None else cursor,
        }
    )
    parts = {
        "text": text or [],
        "image": image or [],
        "audio": audio or [],
        "not.text": not_text or [],
        "not.image": not_image or [],
        "not.audio": not_audio or [],
    }
    try:
        options |= criteria.options(
            filters=[*(filters or []), *(criteria.without(item) for item in like or [])],
            tags=tag or [],
            keywords=keyword or [],
            weights=weight or [],
            facets=facet or [],
            sort=sort or [],
            fields=fields,
            fusion=fusion,
            limit=limit,
            explain=not no_explain,
        )
        with Client(url) as client:
            for item in like or []:
                for part in client.item(collection, item)["modalities"]:
                    parts[part] = [*parts[part], f"item:{item}"]
            query, media = query_of(parts)
            request = options | query
            pages = client.pages if every else lambda *asked: iter([client.search(*asked)])
            shown = 0
            for answer in pages(collection, request, media):
                _print(answer, after=shown, as_json=as_json, more=not every)
                shown += len(answer["hits"])
    except (ClientError, OSError, ValueError) as error:
        raise failure(error) from error


def similar(  # noqa: PLR0917
    item: Annotated[str, typer.Argument(help="The id of an item.")],
    url: Url = DEFAULT_URL,
    collection: Collection = "default",
    filters: Filter = None,
    tag: Tag = None,
    keyword: Keyword = None,
    weight: Weight = None,
    fusion: Fusion = "linear",
    facet: Facet = None,
    fields: Fields = None,
    limit: Limit = 10,
    *,
    no_explain: NoExplain = False,
    as_json: AsJson = False,
) -> None:
    """Find items like one of the collection.

    They are compared by every part that it has.
    """
    try:
        options = criteria.options(
            filters=filters or [],
            tags=tag or [],
            keywords=keyword or [],
            weights=weight or [],
            facets=facet or [],
            sort=[],
            fields=fields,
            fusion=fusion,
            limit=limit,
            explain=not no_explain,
        )
        with Client(url) as client:
            answer = client.similar(collection, item, options)
    except (ClientError, ValueError) as error:
        raise failure(error) from error
    _print(answer, after=0, as_json=as_json, more=False)


def query_of(
    parts: Mapping[str, Sequence[str]],
) -> tuple[dict[str, Any], dict[str, list[bytes]]]:
    """What is looked for: texts and references for the request, and the bytes of the files.

    ``parts`` is by name, ``text`` or ``not.image``. Raises OSError for a file that can't be read.
    """
    fields: dict[str, Any] = {}
    media: dict[str, list[bytes]] = {}
    for name, values in parts.items():
        group, _, part = name.rpartition(".")
        named = [value for value in values if part == "text" or value.startswith(_REFERENCES)]
        if named:
            place = fields.setdefault(group, {}) if group else fields
            place[part] = named if len(named) > 1 else named[0]
        if len(named) < len(values):
            media[name] = [Path(value).read_bytes() for value in values if value not in named]
    return fields, media


def _print(answer: dict[str, Any], *, after: int, as_json: bool, more: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        print_answer(answer, after=after, more=more)
