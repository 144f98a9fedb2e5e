"""A page of HTML to what a person would see of it.

It is read once from its beginning to its end and no tree is built, so the time is linear. Parsers
that build one need minutes for a megabyte of nested elements: html.parser of Python 3.11 for
unclosed comments, too.
"""

import html
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_PAGE = re.compile(
    r"\s*+(?:<\?xml[^>]*+>\s*+|<!--(?:(?!-->).)*+-->\s*+)*+(?:<!doctype\s+html|<html)[\s>]",
    re.IGNORECASE | re.DOTALL,
)
"""Time is linear: each part is possessive, and a comment ends at its first end."""
_LOOKED_AT = 4096
_TAG = re.compile(
    r"""<(?P<end>/?)(?P<name>[a-z][^\s/>]*+)
    (?P<attributes>(?: [^>=]++ | =\s*+ (?:"[^"]*+" | '[^']*+' | (?!["'])) )*+)>""",
    re.IGNORECASE | re.VERBOSE,
)
_ATTRIBUTE = re.compile(
    r"""([^\s/>"'=]++) (?:\s*+=\s*+ (?: "([^"]*+)" | '([^']*+)' | ([^\s"'>]++) ))?+""", re.VERBOSE
)
_UNSEEN = frozenset(
    {
        "script", "style", "noscript", "template", "datalist", "iframe", "noembed", "noframes",
        "object", "canvas", "audio", "video",
    }
)  # fmt: skip
_RAW = frozenset({"script", "style", "iframe", "noembed", "noframes"})
"""Elements in which nothing but their own end is a tag."""
_VOID = frozenset(
    {
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param",
        "source", "track", "wbr",
    }
)  # fmt: skip
_LINES = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd",
        "details", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1",
        "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "legend", "li", "main", "menu",
        "nav", "ol", "option", "p", "pre", "section", "summary", "table", "tbody", "tfoot",
        "thead", "title", "tr", "ul",
    }
)  # fmt: skip
"""Elements that begin a line, and end one."""
_CELLS = frozenset({"td", "th"})


class _Extent(NamedTuple):
    """How far an element reaches."""

    around: frozenset[str]
    """What it is in, whose end ends it, too. Within another one of these, nothing ends it."""
    beside: frozenset[str] = frozenset()
    """What ends it, by its beginning or its end."""


_BLOCKS = _LINES - {"br", "option", "legend", "title"} | _CELLS
_GROUPS = frozenset({"tbody", "tfoot", "thead"})
_TERMS = frozenset({"dt", "dd"})
_OPTIONAL = {
    "p": _Extent(frozenset({"button", "object", "template"}), _BLOCKS),
    "li": _Extent(frozenset({"ul", "ol", "menu"}), frozenset({"li"})),
    **dict.fromkeys(_TERMS, _Extent(frozenset({"dl"}), _TERMS)),
    "option": _Extent(frozenset({"select"}), frozenset({"option", "optgroup"})),
    "optgroup": _Extent(frozenset({"select"}), frozenset({"optgroup"})),
    **dict.fromkeys(_CELLS, _Extent(frozenset({"table"}), _CELLS | _GROUPS | {"tr"})),
    "tr": _Extent(frozenset({"table"}), _GROUPS | {"tr"}),
    **dict.fromkeys(_GROUPS, _Extent(frozenset({"table"}), _GROUPS)),
}
"""Elements whose end tag is mostly left out, as HTML has it (13.1.2.4)."""
_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_BLANKS = re.compile(r"[ \t\n\r\f]+")
_AROUND = re.compile(r" *\n[ \n]*")
_LONE = re.compile(r"<(?!/?[a-zA-Z])")
"""A sign that begins no tag."""


def is_page(text: str) -> bool:
    """Whether a text is a page of HTML by its beginning."""
    return _PAGE.match(text[:_LOOKED_AT]) is not None


def visible_text(page: str) -> str:
    """The texts of a page with its title, line by line; what is hidden or run is left out."""
    joined = re.sub(" +", " ", "".join(_seen(page)))
    return _AROUND.sub("\n", joined).strip()


def _seen(page: str) -> Iterator[str]:
    """Texts, and the ends of lines."""
    hidden: _Hidden | None = None
    for text, tag in _tokens(page):
        if hidden is not None:
            if tag is None or not hidden.is_ended_by(tag):
                continue
            is_own = tag.ends and tag.name == hidden.name
            hidden = None
            if is_own:
                continue
        if tag is None:
            yield _BLANKS.sub(" ", html.unescape(text))
        elif tag.hides:
            hidden = _Hidden(tag.name)
        elif tag.name in _LINES:
            yield "\n"
        elif tag.name in _CELLS:
            yield " "
        elif tag.name == "img":
            yield f" {tag.attributes.get('alt', '')} "


class _Tag(NamedTuple):
    """The beginning or the end of an element."""

    name: str
    attributes: Mapping[str, str]
    ends: bool

    @property
    def hides(self) -> bool:
        """Whether nothing is seen of what is in the element."""
        hidden = "hidden" in self.attributes or _HIDING.search(self.attributes.get("style", ""))
        return not self.ends and self.name not in _VOID and bool(hidden or self.name in _UNSEEN)


class _Hidden:
    """An element of which nothing is seen, while it is read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._extent = _OPTIONAL.get(name) or _Extent(frozenset({name}))
        self._depth = 0
        """How many elements are open within it that are ``around`` others."""

    def is_ended_by(self, tag: _Tag) -> bool:
        """Whether it ends here, by its own end or by another tag that is seen again."""
        if tag.name in self._extent.around:
            self._depth += -1 if tag.ends else 1
            return self._depth < 0
        return not self._depth and tag.name in self._extent.beside


def _tokens(page: str) -> Iterator[tuple[str, _Tag | None]]:
    """Each text with None, and each tag; what comes after a tag that never ends is lost."""
    at = 0
    while at < len(page):
        start = page.find("<", at)
        if start != at:
            yield page[at : start if start > 0 else len(page)], None
        if start < 0:
            return
        if (at := _after_comment(page, start)) != start:
            continue
        if _LONE.match(page, start):
            yield "<", None
            at = start + 1
            continue
        found = _TAG.match(page, start)
        if found is None:
            return
        name, ends = found["name"].lower(), bool(found["end"])
        yield "", _Tag(name, {} if ends else _attributes(found["attributes"]), ends)
        at = found.end()
        if name in _RAW and not ends:
            close = re.compile(f"</{name}", re.IGNORECASE).search(page, at)
            at = close.start() if close else len(page)


def _after_comment(page: str, start: int) -> int:
    """Where what is no element ends: a comment, a declaration; ``start`` if it is none."""
    for opening, closing in (("<!--", "-->"), ("<!", ">"), ("<?", ">")):
        if page.startswith(opening, start):
            end = page.find(closing, start + len(opening))
            return len(page) if end < 0 else end + len(closing)
    return start


def _attributes(text: str) -> dict[str, str]:
    return {
        name.lower(): html.unescape(double or single or bare or "")
        for name, double, single, bare in _ATTRIBUTE.findall(text)
    }
