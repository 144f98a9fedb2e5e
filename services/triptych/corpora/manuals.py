"""Long texts: manuals of Perl, SQLite, Vim and Git, in English.

They come from Debian's packages (under the licences of these programs; see their copyright files)
and are not part of this project.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from triptych.corpora.debian import unpacked
from triptych.media.text import decode_text

_PACKAGES = {
    "perl-doc": "usr/share/perl/*/pod/*.pod",
    "sqlite3-doc": "usr/share/doc/sqlite3/**/*.html",
    "vim-runtime": "usr/share/vim/*/doc/*.txt",
    "git-doc": "usr/share/doc/git-doc/**/*.html",
}
_LISTS = re.compile(r"perl.*delta|perltoc|tags")
"""Changes and tables of contents say what other pages say."""
_LEAST, _MOST = 20_000, 100_000
"""Characters; the rest of a longer one is left out."""


@dataclass(frozen=True)
class Manual:
    """One page of documentation."""

    name: str
    text: str


def fetch() -> list[Manual]:
    """All that have more than 20,000 characters, fetched on first use; no two are the same.

    They are in the order of the SHA-256 of their names, so that the first n are a fixed random
    sample.

    Raises:
        CorpusUnavailable: a package can't be fetched.
    """
    manuals = {manual.text: manual for manual in _read()}
    return sorted(manuals.values(), key=lambda one: hashlib.sha256(one.name.encode()).digest())


def _read() -> Iterator[Manual]:
    for package, pattern in _PACKAGES.items():
        folder = unpacked(package)
        for path in sorted(folder.glob(pattern)):
            if path.is_symlink() or _LISTS.match(path.name):
                continue
            text = decode_text(path.read_bytes(), max_chars=2**24, name=path.name).text
            if len(text) > _LEAST:
                yield Manual(f"{package}/{path.relative_to(folder)}", text[:_MOST])
