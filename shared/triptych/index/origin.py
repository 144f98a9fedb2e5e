"""What built an index, and which collection it is of.

Vectors by other encoders are never compared with ours.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from triptych.core.errors import FingerprintMismatch
from triptych.encoders.cards import Card
from triptych.fusion.blocks import Block, Layout
from triptych.index.documents import SCHEMA_VERSION

BLOCKS = "blocks"
"""The key in ``_meta`` of the blocks; indexes that were made before there was one lack it."""
CLASSIFIER = "classifier"
"""The key of the reference of the classifier, if there is one."""


@dataclass(frozen=True)
class Origin:
    """What built an index."""

    fingerprint: str
    encoders: Mapping[str, str]
    """What fills each block, for people."""
    layout: Layout | None
    """Its blocks. None: it was made before indexes kept them, by other encoders than ours."""

    def target(self, ours: Layout) -> Layout:
        """The layout of what our encoders describe for this collection.

        Its own, with what the collection has learnt, if they fill the base of it; else ours.
        """
        own = self.layout
        return own if own is not None and own.base.fingerprint == ours.fingerprint else ours

    def is_of(self, ours: Layout) -> bool:
        """Whether our encoders built it, with whatever the collection has learnt."""
        return self.fingerprint == self.target(ours).fingerprint

    def lost_models(self, ours: Layout) -> tuple[str, ...]:
        """What the collection has learnt of other encoders than ours."""
        known = () if self.layout is None else self.layout.models
        return () if self.target(ours) is self.layout else known

    def changes(self, ours: Layout) -> list[str]:
        """What is different with the encoders of this process, for people."""
        theirs, ours = self.encoders, self.target(ours)
        return [
            f"{block} was {theirs.get(block, 'nothing')}, is {ours.encoders.get(block, 'nothing')}"
            for block in dict.fromkeys([*theirs, *ours.encoders])
            if theirs.get(block) != ours.encoders.get(block)
        ]


def origin(layout: Layout) -> dict[str, Any]:
    """What an index keeps about what built it, as JSON has it."""
    return {
        "schema": SCHEMA_VERSION,
        "fingerprint": layout.fingerprint,
        "encoders": layout.encoders,
        BLOCKS: [
            {
                "name": block.name,
                "modality": block.modality,
                "part": block.part,
                "in_text_space": block.in_text_space,
                "reference": block.reference,
                "card": asdict(block.card),
                **({} if block.modality is not None else {"share": block.share}),
            }
            for block in layout.blocks
        ],
        **({CLASSIFIER: layout.classifier} if layout.classifier else {}),
    }


def read_origin(
    collection: str,
    meta: Mapping[str, Any],
    ours: Layout,
    schemas: Collection[int] = (SCHEMA_VERSION,),
) -> Origin:
    """What ``origin`` wrote; ``ours`` is the layout of this process.

    ``schemas`` are those that can be read.

    Raises FingerprintMismatch for an index of another schema, of which nothing can be read.
    """
    if meta.get("schema") not in schemas:
        raise FingerprintMismatch(
            f"collection {collection!r} was built by another version of Triptych (schema "
            f"{meta.get('schema')}, this one has {max(schemas)}): add its items "
            "to another collection"
        )
    fingerprint = str(meta.get("fingerprint"))
    layout = ours if fingerprint == ours.fingerprint else _layout(meta, ours)
    if layout is not None and layout.fingerprint != fingerprint:
        layout = None  # it was edited, or cards had other fields then
    return Origin(fingerprint, meta.get("encoders", {}), layout)


def _layout(meta: Mapping[str, Any], ours: Layout) -> Layout | None:
    if meta.get(BLOCKS) is None:
        return None
    blocks = (Block(**{**block, "card": _card(block["card"])}) for block in meta[BLOCKS])
    layout = Layout(tuple(blocks), meta.get(CLASSIFIER, ""))
    return layout.over(ours) if layout.base.fingerprint == ours.fingerprint else layout


def _card(values: Mapping[str, Any]) -> Card:
    lists = {name: tuple(values[name]) for name in ("weights", "built_on")}
    return Card(**{**values, **lists})


def mismatch(collection: str, found: Origin, ours: Layout) -> FingerprintMismatch:
    """Why the vectors of a collection can't be compared with ours, and what to do."""
    if found.is_of(ours):
        models = ", ".join(found.target(ours).models) or "none"
        return FingerprintMismatch(
            f"collection {collection!r} has other models than the query was made for: {models}"
        )
    return FingerprintMismatch(
        f"collection {collection!r} was built with other encoders, whose vectors can't be compared "
        f"with those of this process: {'; '.join(found.changes(ours))}. Rebuild it (`triptych "
        f"rebuild {collection}`), or set the encoders back; until then its words and fields can be "
        "searched: set the weights of text, image and audio to 0"
    )


def new_identity() -> str:
    """16 hex digits that no other collection has, one made later under the same name neither."""
    return secrets.token_hex(8)
