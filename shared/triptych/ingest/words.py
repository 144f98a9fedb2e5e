"""The words of what senders say of an item beside its parts: file names, tags and the like."""

import posixpath
from dataclasses import replace

from triptych.core.fields import FIELDS, strings
from triptych.ingest.manifest import Entry
from triptych.text.analysis import analyse_each

LANGUAGE = "en"
"""Of what is too short to tell."""


def with_words(entry: Entry) -> Entry:
    """The entry with the words of all searchable fields that were sent, but for its text.

    Those that it has stay: of a changed item, names of folders are only known by their words.
    """
    item = entry.item
    language = item.language or LANGUAGE
    texts = {"names": _of_paths(entry)}
    texts |= {name: strings(item.fields.get(name)) for name in _SENT}
    for name, each in texts.items():
        if each and name not in item.words:
            item = item.with_words(name, analyse_each(each, language))
    return entry if item is entry.item else replace(entry, item=item)


_SENT = [field.name for field in FIELDS.sendable if field.searchable and field.name != "text"]


def _of_paths(entry: Entry) -> list[str]:
    """The names of files and folders, less the extensions of files."""
    paths = dict.fromkeys([*entry.item.names.values(), *entry.paths.values()])
    stems = dict.fromkeys(posixpath.splitext(path)[0] for path in paths if path)
    return [stem.replace("/", "\n") for stem in stems]  # a folder makes no compound with its file
