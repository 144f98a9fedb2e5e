"""The hits of an answer as a notebook shows them: pictures, and bars of what made their scores."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

_COLOURS = {
    "keyword": "#7a5cbf", "text": "#2f6fb5", "image": "#c2622d", "audio": "#2f8a5f", "not": "#a33",
}  # fmt: skip
_OTHER = "#777"
_CARD = (
    "width:15em;border:1px solid #8884;border-radius:6px;padding:.5em;overflow-wrap:anywhere;"
    "font:13px/1.4 sans-serif"
)
_PICTURE = "width:100%;height:10em;object-fit:contain"
_TEXT_SHOWN = 160


@dataclass(frozen=True)
class Gallery:
    """An answer that shows itself in a notebook; ``answer`` is what the gateway would send."""

    answer: Mapping[str, Any]
    thumbnail: Callable[[str], bytes | None] = field(repr=False)
    """The WebP of an item by its id; None where it has no picture."""

    def _repr_html_(self) -> str:
        """What notebooks ask for; nothing in it runs or is fetched."""
        hits = self.answer["hits"]
        most = max((_size(hit) for hit in hits), default=0.0)
        cards = "".join(self._card(hit, most) for hit in hits)
        total = self.answer["total"]
        least = "at least " if total["relation"] == "gte" else ""
        return (
            f'<div style="display:flex;flex-wrap:wrap;gap:.6em">{cards}</div>'
            f"<p>{least}{total['value']} found</p>"
        )

    def _card(self, hit: Mapping[str, Any], most: float) -> str:
        data = self.thumbnail(hit["id"])
        picture = "" if data is None else _picture(data, hit["id"])
        score = "" if hit["score"] is None else f" {hit['score']:.3f}"
        text = str(hit["item"].get("text", ""))
        short = text if len(text) <= _TEXT_SHOWN else f"{text[: _TEXT_SHOWN - 1]}…"
        bars = "".join(
            _bar(name, reason["contribution"], most)
            for name, reason in (hit.get("why") or {}).items()
        )
        return (
            f'<div style="{_CARD}">{picture}<b>{escape(hit["id"])}</b>{score}'
            f"<div>{escape(short)}</div>{bars}</div>"
        )


def _size(hit: Mapping[str, Any]) -> float:
    return max((abs(one["contribution"]) for one in (hit.get("why") or {}).values()), default=0.0)


def _picture(data: bytes, item: str) -> str:
    source = base64.b64encode(data).decode()
    return f'<img style="{_PICTURE}" alt="{escape(item)}" src="data:image/webp;base64,{source}">'


def _bar(name: str, contribution: float, most: float) -> str:
    """The length is the contribution, up to that which is largest in the answer."""
    colour = _COLOURS.get(name, _OTHER)
    share = 100 * abs(contribution) / most if most else 0
    return (
        f'<div title="{escape(name)}">{escape(name)} {contribution:.3f}'
        f'<div style="height:.4em;width:{share:.1f}%;background:{colour}"></div></div>'
    )
