"""The demonstration: the whole system on this machine, a corpus, five questions."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import typer

from triptych.cli import sample, stamps
from triptych.cli.answers import print_answer
from triptych.cli.corpus import Corpus, Question
from triptych.cli.ingest import ingest
from triptych.cli.show import console
from triptych.client import Client, ClientError
from triptych.core.item import reasons
from triptych.core.settings import cache_home
from triptych.corpora.errors import CorpusUnavailable
from triptych.encoders import artefacts, registry
from triptych.local import Stack, StackError, StackOptions, running_stack
from triptych.local.interrupts import interruptible
from triptych.local.locks import Pause
from triptych.local.options import IndexKind
from triptych.local.parts import media_url
from triptych.media.store import MediaStore

COLLECTION = "demo"
_SHOWN = 5


def demo(
    name: Annotated[str, typer.Option(help="The name of the local stack.")] = "demo",
    port: Annotated[int, typer.Option(help="The gateway's port; 0: a free one.")] = 8080,
    index: Annotated[
        IndexKind, typer.Option(help="embedded needs neither Java nor a server.")
    ] = "embedded",
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Stop by itself; exit code 0 if all is well.")
    ] = False,
) -> None:
    """Start everything, ingest a corpus, ask five questions.

    The corpus is the Tux Paint stamps, or a small one made here where these can't be fetched.
    """
    raise typer.Exit(run(name=name, port=port, index=index, once=once))


def run(*, name: str, port: int, index: IndexKind, once: bool) -> int:
    """Run the demonstration; return 0 if every question was answered well."""
    from triptych.local.errors import Interrupted

    try:
        corpus = fetch_corpus()
        options = StackOptions(
            name=name, port=port, index=index, import_roots=(corpus.root,), keep=False
        )
        options = replace(options, env=_fit_keywords(corpus, options))
        with (
            interruptible() as pause,
            running_stack(
                options,
                pause=pause,
                say=lambda line: console.print(line, style="dim", markup=False),
            ) as stack,
        ):
            good = show(stack, corpus, pause)
            if not once:
                _explain(stack)
                while True:
                    pause(3600)
    except Interrupted:
        console.print("stopped")
        return 0
    except (StackError, ClientError) as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 2
    return 0 if good else 1


def _fit_keywords(corpus: Corpus, options: StackOptions) -> dict[str, str]:
    """Fit the keyword encoder on the captions; return the setting that uses it."""
    artefact = registry.fit("tfidf-lsa", [line["text"] for line in corpus.lines if "text" in line])
    artefacts.save(MediaStore(media_url(options.home)), artefact)
    return {"TRIPTYCH_ENCODER_KEYWORDS": artefact.reference}


def fetch_corpus() -> Corpus:
    """The Tux Paint stamps, or the self-made sample and the reason."""
    try:
        with console.status("fetching the Tux Paint stamps (161 MB, once)"):
            return stamps.corpus()
    except CorpusUnavailable as error:
        console.print(f"The Tux Paint stamps can't be fetched here: {error}", style="yellow")
        console.print("A small self-made sample takes their place.", style="yellow")
        return sample.corpus(cache_home() / "sample")


def show(stack: Stack, corpus: Corpus, pause: Pause = time.sleep) -> bool:
    """Ingest a corpus and ask its questions; return whether all went well."""
    with Client(stack.gateway_url) as client:
        client.create_collection(COLLECTION)
        manifest = "\n".join(json.dumps(line) for line in corpus.lines).encode()
        report = ingest(
            client,
            [lambda: client.submit_manifest(COLLECTION, manifest)],
            title=corpus.name,
            pause=pause,
        )
        console.print(
            f"{report.done} items in {report.seconds:.1f} s ({report.rate:.0f} a second), "
            f"{report.failed} failed, {report.partial} partial"
        )
        for item in report.failures[:_SHOWN]:
            console.print(f"  {item['id']}: {reasons(item)}", markup=False)
        client.collection(COLLECTION)  # makes every write visible
        answers = [_ask(client, question) for question in corpus.questions]
    return all(answers) and not report.failures


def _ask(client: Client, question: Question) -> bool:
    fields: dict[str, Any] = {"limit": _SHOWN}
    if question.text is not None:
        fields["text"] = question.text
    answer: Mapping[str, Any] = client.search(COLLECTION, fields, question.media)
    good = question.answered_by(answer["hits"])
    console.print(f"\n[bold]{question.title}[/bold]  {'✓' if good else '✗ not as expected'}")
    print_answer(answer)
    return good


def _explain(stack: Stack) -> None:
    url = stack.gateway_url
    console.print("\nCtrl-C stops everything. Search in another terminal:")
    console.print(f"  triptych search 'a bird that can swim' --url {url} -c {COLLECTION}")
    console.print(f"or in a browser: [bold]{url}[/bold]")
