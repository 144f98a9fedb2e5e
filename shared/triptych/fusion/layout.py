"""The layout that the encoders of some settings fill."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from triptych.core.errors import InvalidInput, NotFound
from triptych.core.settings import Encoders
from triptych.encoders.cards import Card
from triptych.encoders.registry import card_of, entry_for
from triptych.encoders.roles import assigned
from triptych.encoders.weights import WeightsError
from triptych.fusion.blocks import Block, Layout
from triptych.media.store import MediaStore


def make_layout(encoders: Encoders, store: MediaStore) -> Layout:
    """The blocks that these encoders fill.

    Raises:
        InvalidInput: no encoder of that name, one that is not fitted, or one for another role.
        NotFound, StoreUnavailable: what a fitted encoder learnt can't be read.
    """
    text: Card | None = None
    blocks = []
    for role, reference in assigned(encoders):
        with _named(role.block):
            entry = entry_for(role.block, reference)
            card = card_of(reference, store, text=text if role.in_text_space else None)
        text = text or card  # the first role is that of the texts
        blocks.append(
            Block(
                role.block,
                role.modality,
                role.part,
                role.in_text_space,
                card,
                entry.scale,
                reference,
            )
        )
    return Layout(tuple(blocks))


def encoders_of(layout: Layout) -> Encoders:
    """The settings that fill these blocks, whatever the environment says."""
    references = {block.name: block.reference for block in layout.blocks}
    return Encoders.model_validate(
        {role: references.get(role, "") for role in Encoders.model_fields}
    )


@contextmanager
def _named(role: str) -> Iterator[None]:
    """Say with an error which setting it is about."""
    try:
        yield
    except (InvalidInput, NotFound, WeightsError) as error:
        raise InvalidInput(f"{setting(role)}: {error}") from error


def setting(role: str) -> str:
    """The name of the variable that says which encoder plays a role."""
    return f"TRIPTYCH_ENCODER_{role.upper()}"


def check(environment: Mapping[str, str], store: MediaStore) -> None:
    """Raise InvalidInput, with the name of the setting, unless processes with it could start."""
    values = {name: value for name, value in environment.items() if name.startswith(setting(""))}
    known = {setting(role): role for role in Encoders.model_fields}
    if unknown := sorted(set(values) - set(known)):
        raise InvalidInput(f"{unknown[0]} is not a setting; there are {', '.join(known)}")
    if values.get(setting("semantic")) == "":
        raise InvalidInput(f"{setting('semantic')} may not be empty")
    encoders = Encoders.model_validate({known[name]: value for name, value in values.items()})
    make_layout(encoders, store)
    if encoders.keywords:
        with _named("keywords"):
            entry_for("keywords", encoders.keywords)
            card_of(encoders.keywords, store)
