"""``triptych search`` and ``triptych similar``."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from triptych.cli import criteria
from triptych.cli.answers import print_answer
from triptych.cli.pictures import check_pictures, print_picture
from triptych.cli.show import DEFAULT_URL, console, explained, print_json
from triptych.client import Client, ClientError
from triptych.client.client import NO_PICTURE

Url = Annotated[str, typer.Option(envvar="TRIPTYCH_URL", help="The gateway.")]
Collection = Annotated[str, typer.Option("--collection", "-c", help="The collection.")]
Pictures = Annotated[
    bool, typer.Option("--pictures", help="The pictures of hits, where the terminal shows any.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: one answer a line.")]
Media = Annotated[
    list[str] | None, typer.Option(help="A file, item:ID, or a URL where the gateway allows it.")
]
NotMedia = Annotated[list[str] | None, typer.Option(help="Unlike this: a file, item:ID, or a URL.")]
Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        help="As tags=a,b, status!=failed, metadata.year>=2000, id^=a/ or JSON; all hold.",
    ),
]

_REFERENCES = ("item:", "http://", "https://")


@dataclass(frozen=True)
class Options:
    """What both commands send: the fields of the request, and files by the name of the part."""

    fields: dict[str, Any]
    media: dict[str, list[bytes]]


def read_options(  # noqa: PLR0917
    not_text: Annotated[list[str] | None, typer.Option(help="Unlike these words.")] = None,
    not_image: NotMedia = None,
    not_audio: NotMedia = None,
    filters: Filters = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only items with all these tags.")] = None,
    keyword: Annotated[
        list[str] | None, typer.Option(help="Only items with all these keywords.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="The language of the words, by its ISO 639-1 code.")
    ] = None,
    syntax: Annotated[
        str, typer.Option(help='simple: "a phrase", ele*, elefant~, +must, -not; none: plain.')
    ] = "simple",
    weight: Annotated[
        list[str] | None, typer.Option(help="As text=2, image=0.5; also keyword, audio, not.")
    ] = None,
    fusion: Annotated[str, typer.Option(help="auto, linear, product, rrf or dbsf.")] = "auto",
    facet: Annotated[
        list[str] | None, typer.Option(help="Count values: tags, tags:30, metadata.year, or JSON.")
    ] = None,
    sort: Annotated[
        list[str] | None, typer.Option(help="As added:desc, metadata.year, id, or score.")
    ] = None,
    fields: Annotated[
        list[str] | None, typer.Option(help="The fields of items to return, as text,metadata.year.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", help="The number of hits, of each page.")
    ] = 10,
    *,
    min_score: Annotated[
        float | None, typer.Option(help="Only hits with at least this score.")
    ] = None,
    highlight: Annotated[
        bool, typer.Option("--highlight", help="Mark the words that match.")
    ] = False,
    exact_total: Annotated[
        bool, typer.Option("--exact-total", help="Count all items that match.")
    ] = False,
    no_explain: Annotated[
        bool, typer.Option("--no-explain", help="Leave the reasons out.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Near-duplicates of the image first.")
    ] = False,
) -> Options:
    """Read the options that both commands have.

    Raises:
        ValueError: an option that can't be read.
        OSError: a file that can't be read.
    """
    options = criteria.options(
        filters=filters or [],
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
    options |= criteria.without_empty(
        {
            "language": language,
            "syntax": None if syntax == "simple" else syntax,
            "min_score": min_score,
            "exact_total": exact_total or None,
            "highlight": highlight or None,
            "verify": verify or None,
        }
    )
    negative, media = query_of(
        {
            "not.text": not_text or [],
            "not.image": not_image or [],
            "not.audio": not_audio or [],
        }
    )
    return Options(options | negative, media)


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command with the parameters of ``read_options`` instead of its own ``options``."""
    shared = inspect.signature(read_options).parameters
    own = dict(inspect.signature(command).parameters)
    del own["options"]

    def run(**arguments: Any) -> None:
        with explained():
            options = read_options(**{name: arguments.pop(name) for name in shared})
            command(options=options, **arguments)

    # Stable: within each kind, the parameters of the command come first.
    parameters = sorted([*own.values(), *shared.values()], key=lambda parameter: parameter.kind)
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


@with_options
def search(  # noqa: PLR0917
    options: Options,
    text: Annotated[
        list[str] | None, typer.Argument(help="Words and phrases; several are one query.")
    ] = None,
    image: Media = None,
    audio: Media = None,
    like: Annotated[
        list[str] | None,
        typer.Option(help="Like this item, by every part that it has; it is not a hit itself."),
    ] = None,
    url: Url = DEFAULT_URL,
    collection: Collection = "default",
    cursor: Annotated[
        str | None, typer.Option(help='Continue from the cursor of an answer; "*" begins.')
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every page.")] = False,
    pictures: Pictures = False,
    as_json: AsJson = False,
) -> None:
    """Search by words, pictures, sounds, or any mix.

    Without any of them, list the items that pass the filter.
    """
    positive, media = query_of({"text": text or [], "image": image or [], "audio": audio or []})
    paging = {"like": like, "cursor": "*" if every and cursor is None else cursor}
    request = options.fields | positive | criteria.without_empty(paging)
    if pictures:
        check_pictures()
    with Client(url) as client:
        pages = client.pages if every else lambda *arguments: iter([client.search(*arguments)])
        shown = 0
        for answer in pages(collection, request, options.media | media):
            _print(answer, after=shown, as_json=as_json, more=not every)
            if pictures:
                _print_pictures(client, collection, answer, after=shown)
            shown += len(answer["hits"])


@with_options
def similar(
    options: Options,
    item: Annotated[str, typer.Argument(help="The id of an item.")],
    url: Url = DEFAULT_URL,
    collection: Collection = "default",
    *,
    pictures: Pictures = False,
    as_json: AsJson = False,
) -> None:
    """Find items like one of the collection.

    They are compared by every part that it has.
    """
    with Client(url) as client:
        if pictures:
            check_pictures()
        answer = client.similar(collection, item, options.fields, options.media)
        _print(answer, after=0, as_json=as_json, more=False)
        if pictures:
            _print_pictures(client, collection, answer, after=0)


def query_of(
    parts: Mapping[str, Sequence[str]],
) -> tuple[dict[str, Any], dict[str, list[bytes]]]:
    """The query: texts and references for the request, and the bytes of the files.

    ``parts`` are by name, as ``text`` or ``not.image``. Raises OSError for an unreadable file.
    """
    fields: dict[str, Any] = {}
    media: dict[str, list[bytes]] = {}
    for name, values in parts.items():
        group, _, part = name.rpartition(".")
        named = [value for value in values if part == "text" or value.startswith(_REFERENCES)]
        if named:
            target = fields.setdefault(group, {}) if group else fields
            target[part] = named if len(named) > 1 else named[0]
        if len(named) < len(values):
            media[name] = [Path(value).read_bytes() for value in values if value not in named]
    return fields, media


def _print_pictures(
    client: Client, collection: str, answer: Mapping[str, Any], *, after: int
) -> None:
    """The pictures of hits, each below its number."""
    for number, hit in enumerate(answer["hits"], start=after + 1):
        try:
            picture = client.thumbnail(collection, hit["id"], 256)
        except ClientError as error:
            if error.status in NO_PICTURE:
                continue
            raise
        console.print(f"{number} {hit['id']}", markup=False, highlight=False)
        print_picture(picture)


def _print(answer: dict[str, Any], *, after: int, as_json: bool, more: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        print_answer(answer, after=after, more=more)
