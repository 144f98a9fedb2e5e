"""Changes of items without their media.

A changed item is a submission of its own: it takes all steps, of which those of unchanged parts
find what they made before. A change begins with the item as it was accepted last, so two changes in
a row are both kept although neither is indexed yet: each change leaves a *link* to its manifest,
called by the version that it changes. Of several that change one version at the same moment, one
leaves its link, and the others begin again with what that one made.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from triptych.core.errors import Conflict, InvalidInput, NotFound
from triptych.core.fields import FIELDS
from triptych.core.item import MEDIA, Item, Note, Words
from triptych.index import SearchIndex
from triptych.index.documents import Document, is_tombstone
from triptych.ingest.accepting import AcceptedOne, Acceptor, Target
from triptych.ingest.manifest import delete_manifest, read_manifest, read_window
from triptych.ingest.renewing import sent_language
from triptych.ingest.sent import ItemChange, zone_field
from triptych.ingest.single import read_part
from triptych.media.store import MediaStore

LINKS = "changes"
"""The folder of links: by item and version the batch that changes it."""
_TRIES = 20
_NAMES = "names"
_MADE = frozenset({"text", "transcript", "writing"})
"""Fields whose words the steps find again."""
_SENT = [field.name for field in FIELDS.sendable if field.name not in {"id", "text", "language"}]
_KEPT = ["batch", "content", *_SENT, *map(zone_field, _SENT)]


@dataclass(frozen=True)
class Changer:
    """Changes items of one store and index."""

    store: MediaStore
    index: SearchIndex
    acceptor: Acceptor

    def change(self, target: Target, item_id: str, change: ItemChange) -> AcceptedOne:
        """Accept a change of an item.

        Raises:
            NotFound: there is no such item.
            InvalidInput: nothing would be left of it, or the change can't be made.
            MediaError: its new text can't be used.
            Conflict: others change it all the time.
            StoreUnavailable, IndexUnavailable: nothing is accepted.
        """
        for _ in range(_TRIES):
            base, version = self._latest(target, item_id)
            item = changed(base, change, self.acceptor.limits.text_chars)
            accepted = self.acceptor.changed(target, item)
            batch = accepted.chunk.batch
            if self.store.create_document(LINKS, _link(target, item_id, version), batch.encode()):
                return accepted
            delete_manifest(self.store, batch)
        raise Conflict(f"item {item_id!r} is being changed by others: try again")

    def _latest(self, target: Target, item_id: str) -> tuple[Item, int]:
        """The item as it was accepted last, and the version of that."""
        item, version = self._indexed(target, item_id)
        while (batch := self._linked(target, item_id, version)) is not None:
            try:
                manifest = read_manifest(self.store, batch)
                (entry,) = read_window(self.store, batch, None, 0, 1).entries
            except NotFound:  # it is indexed since, or was withdrawn
                indexed = self._indexed(target, item_id)
                if indexed[1] <= version:
                    self.store.delete_document(LINKS, _link(target, item_id, version))
                item, version = indexed
                continue
            item, version = replace(entry.item, place=None), manifest.sequence
        return item, version

    def _indexed(self, target: Target, item_id: str) -> tuple[Item, int]:
        held = self.index.fetch(target.name, [item_id]).get(item_id)
        if held is None or is_tombstone(held.document):
            raise NotFound(f"no item {item_id!r} in collection {target.name!r}")
        return accepted_item(held.document), held.version

    def _linked(self, target: Target, item_id: str, version: int) -> str | None:
        try:
            return self.store.read_document(LINKS, _link(target, item_id, version)).decode()
        except NotFound:
            return None


def collect_links(store: MediaStore, before: float, is_open: Callable[[str], bool]) -> None:
    """Remove the links that are older than a moment and whose batches have ended."""
    for one in store.documents(LINKS):
        if one.modified < before:
            try:
                batch = store.read_document(LINKS, one.name).decode()
            except NotFound:
                continue
            if not is_open(batch):
                store.delete_document(LINKS, one.name)


def accepted_item(document: Document) -> Item:
    """The item of a document as it was accepted, without what the steps find of their own.

    What its files say of themselves counts as sent, which makes the same document.
    """
    text, media = document.get("text"), document.get("media", {})
    fields = {name: document[name] for name in _KEPT if name in document}
    language = document.get("language")
    if text is not None:
        language = sent_language(document, text)
    if language:
        fields["language"] = language
    item = Item(
        document["id"],
        text=text,
        **{part: media[part] for part in MEDIA if part in media},
        fields=fields,
        names=document.get("names", {}),
        size=document.get("size", 0),
    )
    for name in document.get("words", {}).keys() - _MADE:
        words = Words(document["words"][name], document["plain"].get(name, ""))
        item = item.with_words(name, words)
    if text is None and (reason := document.get("errors", {}).get("text")):
        return item.failing("text", reason)
    if note := document.get("notes", {}).get("text"):
        lost = document["status"] == "partial" and not document.get("errors")
        item = item.noted("text", [Note(note, lost)])
    return item


def changed(item: Item, change: ItemChange, max_chars: int) -> Item:
    """An item with a change. Raises InvalidInput, MediaError."""
    stale = FIELDS.searchable if "language" in change.model_fields_set else change.model_fields_set
    item = replace(
        item,
        fields=change.over(item.fields),
        words=_fresh(item.words, stale),
        plain=_fresh(item.plain, stale),
    )
    if "text" in change.model_fields_set:
        item = _with_text(item, change.text, max_chars)
    if (item.text, item.image, item.audio) == (None, None, None) and not item.errors:
        raise InvalidInput(f"item {item.id!r} would have no image, text or audio")
    return item


def _fresh(words: Mapping[str, str], stale: Collection[str]) -> dict[str, str]:
    """The words of fields that stay as they are; those of names of folders are nowhere else."""
    return {name: each for name, each in words.items() if name == _NAMES or name not in stale}


def _with_text(item: Item, given: str | None, max_chars: int) -> Item:
    text, notes = (None, ()) if given is None else read_part(given, max_chars)
    size = item.size + len((text or "").encode()) - len((item.text or "").encode())
    bare = replace(
        item,
        text=text,
        size=size,
        names={part: name for part, name in item.names.items() if part != "text"},
        errors={part: reason for part, reason in item.errors.items() if part != "text"},
        notes={part: told for part, told in item.notes.items() if part != "text"},
    )
    return bare.noted("text", notes)


def _link(target: Target, item_id: str, version: int) -> str:
    of_item = hashlib.sha256(f"{target.identity} {item_id}".encode()).hexdigest()
    return f"{of_item[:32]}-{version}"
