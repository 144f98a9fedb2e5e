"""The digest of all that is sent of an item: by it senders find out what a collection has."""

import hashlib
import json

from triptych.core.item import Item


def content_digest(item: Item) -> str:
    """SHA-256 of text, image, audio and the other fields of an item as it was sent, in hex.

    Args:
        item: with its clean text, and the digests of its image and audio. Its id does not count.
    """
    sent = {**item.fields, "text": item.text, "image": item.image, "audio": item.audio}
    whole = {name: value for name, value in sent.items() if value not in (None, [], {})}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def content_id(item: Item) -> str:
    """The id of an item that is sent without one, 32 hex digits: the same again is the same."""
    return content_digest(item)[:32]
