"""A single item, whose media are stored."""

from collections.abc import Mapping
from dataclasses import replace

from triptych.core.errors import InvalidInput, MediaError, TooLarge
from triptych.core.item import MEDIA, Item, Modality
from triptych.core.names import printable
from triptych.ingest.content import content_digest, content_id
from triptych.ingest.sent import ItemFields
from triptych.media.store import MediaStore
from triptych.media.text import clean_text, decode_text


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
        max_chars: the limit of a text.

    Raises:
        InvalidInput: the item has no part.
        TooLarge: the text is above the limit.
        StoreUnavailable: the item is not accepted.
    """
    if not files and fields.text is None:
        raise InvalidInput("item has no image, text or audio")
    text, errors = None, {}
    raw = files.get("text", fields.text)
    if raw is not None:
        try:
            text = read_text(raw, max_chars)
        except TooLarge as error:
            error.field = "text"
            raise
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
    if not item.id:
        item = replace(item, id=content_id(item))
    return item if errors else item.noting({"content": content_digest(item)})


def read_text(given: str | bytes, max_chars: int) -> str:
    """The clean text of a field or a file. Raises MediaError, TooLarge."""
    if isinstance(given, bytes):
        return decode_text(given, max_chars=max_chars)
    return clean_text(given, max_chars=max_chars)
