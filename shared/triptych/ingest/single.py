"""A single item, whose media are stored."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from triptych.core.errors import InvalidInput, MediaError
from triptych.core.item import MEDIA, Item, Modality, Note
from triptych.core.names import printable
from triptych.ingest.content import content_digest, content_id
from triptych.ingest.sent import ItemFields
from triptych.media.store import MediaStore
from triptych.media.text import CleanText, decode_text, read_text


def make_item(
    store: MediaStore,
    fields: ItemFields,
    files: Mapping[Modality, bytes],
    names: Mapping[Modality, str],
    *,
    max_chars: int,
) -> Item:
    """Store the media of an item; a text that can't be used is a failure of that part alone.

    Args:
        store: where images and sounds go.
        fields: what is known of the item.
        files: the bytes of its parts; a text may be a file, too.
        names: what the uploader called these files.
        max_chars: the limit of a text; what is longer is cut.

    Raises:
        InvalidInput: the item has no part.
        StoreUnavailable: the item is not accepted.
    """
    if not files and fields.text is None:
        raise InvalidInput("item has no image, text or audio")
    text, errors = None, {}
    notes: Sequence[Note] = ()
    raw = files.get("text", fields.text)
    if raw is not None:
        try:
            text, notes = read_part(raw, max_chars, names.get("text", ""))
        except MediaError as error:
            errors["text"] = error.reason
    digests = {part: store.put(files[part]) for part in MEDIA if part in files}
    item = Item(
        id=fields.id or "",
        text=text,
        fields=fields.values(),
        errors=errors,
        names={part: printable(name) for part, name in names.items()},
        image=digests.get("image"),
        audio=digests.get("audio"),
        size=sum(len(files[part]) for part in digests) + len((text or "").encode()),
    )
    item = item.noted("text", notes)
    if not item.id:
        item = replace(item, id=content_id(item))
    return item if errors else item.noting({"content": content_digest(item)})


def read_part(given: str | bytes, max_chars: int, name: str = "") -> CleanText:
    """The clean text of a field, or of a file of this name. Raises MediaError."""
    if isinstance(given, bytes):
        return decode_text(given, max_chars=max_chars, name=name)
    return read_text(given, max_chars=max_chars)
