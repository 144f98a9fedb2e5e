"""The answer to a search for people: hits, their reasons, counts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from triptych.cli.show import console

_TEXT_WIDTH = 48
_TEXT_SHOWN = 240
_WORDS_SHOWN = 4
_OPEN = {"gte": "≥", "gt": ">", "lte": "≤", "lt": "<"}


def print_answer(answer: Mapping[str, Any], *, after: int = 0, more: bool = True) -> None:
    """A table of hits, numbered from ``after`` on, then facets, and where there is more."""
    hits = answer["hits"]
    signals = list(dict.fromkeys(name for hit in hits for name in hit.get("why") or ()))
    scored = any(hit["score"] is not None for hit in hits)
    verified = any("inliers" in hit for hit in hits)
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("#", justify="right")
    if scored:
        table.add_column("score", justify="right")
    if verified:
        table.add_column("inliers", justify="right")
    table.add_column("item", overflow="fold")
    table.add_column("text", max_width=_TEXT_WIDTH)
    for name in signals:
        table.add_column(f"{name} (of {_weight(hits, name)})", justify="right")
    for number, hit in enumerate(hits, start=after + 1):
        reasons = [_reason((hit.get("why") or {}).get(name)) for name in signals]
        score = [f"{hit['score']:.3f}"] if scored else []
        inliers = [str(hit.get("inliers", ""))] if verified else []
        table.add_row(str(number), *score, *inliers, escape(hit["id"]), _words(hit), *reasons)
    console.print(table)
    for name, counts in answer.get("facets", {}).items():
        console.print(f"[bold]{escape(name)}[/bold]  {_counts(counts)}")
    total, took = answer["total"], answer["took_ms"]
    stages = ", ".join(f"{name} {ms:.0f}" for name, ms in took.items() if name != "total")
    count = f"{'at least ' if total['relation'] == 'gte' else ''}{total['value']} found"
    console.print(f"[dim]{count}, {took['total']:.0f} ms: {stages}[/dim]")
    if more and "cursor" in answer:
        console.print(f"[dim]more: --cursor {escape(answer['cursor'])}[/dim]")


def _weight(hits: Iterable[Mapping[str, Any]], signal: str) -> str:
    """The largest weight that a signal has among the hits."""
    weights = [hit["why"][signal]["weight"] for hit in hits if signal in (hit.get("why") or ())]
    return f"{max(weights, key=abs):.2f}"


def _words(hit: Mapping[str, Any]) -> str:
    """The text of a hit, its speech and writing, or where words match in these."""
    item, marked = hit["item"], hit.get("highlights") or {}
    lines = []
    for name in ("text", "transcript", "writing"):
        if name in marked:
            shown = " … ".join(_marked(snippet) for snippet in marked[name])
        elif name in item:
            shown = escape(_short(item[name] if name == "text" else item[name]["text"]))
        else:
            continue
        lines.append(shown if name == "text" else f"“{shown}”")
    if keywords := item.get("keywords"):
        lines.append(f"[dim]{escape(', '.join(keywords))}[/dim]")
    return "\n".join(lines)


def _short(text: str) -> str:
    return text if len(text) <= _TEXT_SHOWN else f"{text[: _TEXT_SHOWN - 1]}…"


def _marked(snippet: Mapping[str, Any]) -> str:
    text, pieces, at = snippet["text"], [], 0
    for start, end in snippet["spans"]:
        pieces += [escape(text[at:start]), f"[bold yellow]{escape(text[start:end])}[/bold yellow]"]
        at = end
    return "".join([*pieces, escape(text[at:])])


def _reason(reason: Mapping[str, Any] | None) -> str:
    """A signal's contribution, its rank, and the words that matched, the weightiest first."""
    if reason is None:
        return ""
    line = f"{reason['contribution']:.3f} [dim]#{reason['rank']}[/dim]"
    words: Mapping[str, float] = reason.get("words") or {}
    best = sorted(words, key=lambda word: -words[word])
    shown = ", ".join(best[:_WORDS_SHOWN]) + (" …" if len(best) > _WORDS_SHOWN else "")
    return f"{line}\n[dim]{escape(shown)}[/dim]" if shown else line


def _counts(counts: Sequence[Mapping[str, Any]]) -> str:
    return " · ".join(f"{escape(_value(entry))} [dim]{entry['count']}[/dim]" for entry in counts)


def _value(entry: Mapping[str, Any]) -> str:
    if "value" in entry:
        return str(entry["value"])
    bounds = [f"{sign}{entry[name]}" for name, sign in _OPEN.items() if entry.get(name) is not None]
    return " ".join(bounds) or "all"
