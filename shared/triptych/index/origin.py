"""What built a collection, and which one it is.

Vectors by other encoders are never compared with ours.
"""

import secrets
from collections.abc import Mapping
from typing import Any

from triptych.core.errors import FingerprintMismatch
from triptych.fusion.blocks import Layout
from triptych.index.documents import SCHEMA_VERSION


def origin(layout: Layout) -> dict[str, Any]:
    """What an index keeps about what built it."""
    return {
        "schema": SCHEMA_VERSION,
        "fingerprint": layout.fingerprint,
        "encoders": layout.encoders,
    }


def new_identity() -> str:
    """16 hex digits that no other collection has, one made later under the same name neither."""
    return secrets.token_hex(8)


def check_origin(collection: str, meta: Mapping[str, Any], layout: Layout) -> None:
    """Raise FingerprintMismatch unless ``meta``, its ``origin``, is what this process writes."""
    if meta.get("fingerprint") != layout.fingerprint:
        theirs, ours = meta.get("encoders", {}), layout.encoders
        changed = [
            f"{block} was {theirs.get(block, 'nothing')}, is {ours.get(block, 'nothing')}"
            for block in dict.fromkeys([*theirs, *ours])
            if theirs.get(block) != ours.get(block)
        ]
        raise FingerprintMismatch(
            f"collection {collection!r} was built with other encoders, whose vectors can't "
            f"be compared with those of this process: {'; '.join(changed)}. Set them back, "
            "or use another collection"
        )
    if meta.get("schema") != SCHEMA_VERSION:
        raise FingerprintMismatch(
            f"collection {collection!r} was built by another version of Triptych (schema "
            f"{meta.get('schema')}, this one has {SCHEMA_VERSION}): add its items "
            "to another collection"
        )
