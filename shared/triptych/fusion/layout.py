"""The layout that the encoders of some settings fill."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from triptych.core.errors import InvalidInput, NotFound
from triptych.core.settings import Encoders
from triptych.encoders.cards import Card
from triptych.encoders.registry import card_of, check_keywords
from triptych.encoders.roles import Role, assigned
from triptych.encoders.weights import WeightsError
from triptych.fusion.blocks import Block, Layout
from triptych.media.store import MediaStore


def make_layout(encoders: Encoders, store: MediaStore) -> Layout:
    """The blocks that these encoders fill.

    Raises:
        InvalidInput: no encoder of that name, one that is not fitted, or of another modality.
        NotFound, StoreUnavailable: what a fitted encoder learnt can't be read.
    """
    text: Card | None = None
    blocks = []
    for role, reference in assigned(encoders):
        with _named(role.block):
            card = card_of(reference, store, text=text if role.in_text_space else None)
            _check_modality(role, reference, card)
        text = text or card  # the first role is that of the texts
        blocks.append(Block(role.block, role.modality, role.part, role.in_text_space, card))
    return Layout(tuple(blocks))


@contextmanager
def _named(role: str) -> Iterator[None]:
    """Say with an error which setting it is about."""
    try:
        yield
    except (InvalidInput, NotFound, WeightsError) as error:
        raise InvalidInput(f"{setting(role)}: {error}") from error


def _check_modality(role: Role, reference: str, card: Card) -> None:
    if card.modality != role.modality:
        raise InvalidInput(
            f"{reference} is for {card.modality}, {role.block} is of {role.modality}"
        )


def setting(role: str) -> str:
    """The name of the variable that says which encoder plays a role."""
    return f"TRIPTYCH_ENCODER_{role.upper()}"


def check(environment: Mapping[str, str], store: MediaStore) -> None:
    """Raise InvalidInput, with the name of the setting, unless processes with it could start."""
    given = {name: value for name, value in environment.items() if name.startswith(setting(""))}
    known = {setting(role): role for role in Encoders.model_fields}
    if unknown := sorted(set(given) - set(known)):
        raise InvalidInput(f"{unknown[0]} is no setting; there are {', '.join(known)}")
    if not given.get(setting("semantic"), "something"):
        raise InvalidInput(f"{setting('semantic')} may not be empty")
    encoders = Encoders.model_validate({known[name]: value for name, value in given.items()})
    make_layout(encoders, store)
    if encoders.keywords:
        with _named("keywords"):
            check_keywords(encoders.keywords, store)
