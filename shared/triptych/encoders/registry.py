"""Every encoder by name, as the modules of this package declare them."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import triptych.encoders
from triptych.core.errors import InvalidInput
from triptych.encoders.artefacts import Artefact
from triptych.encoders.cards import Card
from triptych.encoders.encoder import Encoder
from triptych.encoders.entries import Entry
from triptych.media.store import MediaStore


@cache
def encoders() -> Mapping[str, Entry]:
    """The entries that modules in the folders of this package list as ``ENCODERS``, by name.

    Raises:
        ValueError: two encoders have one name.
    """
    entries: dict[str, Entry] = {}
    for folder in iter_modules(triptych.encoders.__path__, f"{triptych.encoders.__name__}."):
        if not folder.ispkg:
            continue
        for module in iter_modules(import_module(folder.name).__path__, f"{folder.name}."):
            for entry in getattr(import_module(module.name), "ENCODERS", ()):
                if entry.card.name in entries:
                    raise ValueError(f"two encoders are called {entry.card.name}")
                entries[entry.card.name] = entry
    return entries


def entry(reference: str) -> Entry:
    """The entry of a name or reference. Raises InvalidInput that lists the names there are."""
    name = _split(reference)[0]
    if name not in encoders():
        raise InvalidInput(f"no encoder {name!r}; there are: {', '.join(sorted(encoders()))}")
    return encoders()[name]


def entry_for(role: str, reference: str) -> Entry:
    """The entry of a reference. Raises InvalidInput unless the encoder can play the role."""
    candidate = entry(reference)
    if role not in candidate.roles:
        able = sorted(name for name, each in encoders().items() if role in each.roles)
        raise InvalidInput(
            f"{candidate.card.name} can't be the {role} encoder; these can: {', '.join(able)}"
        )
    return candidate


def fit(
    name: str, corpus: Iterable[Any], *, seed: int = 0, text: Encoder[str] | None = None
) -> Artefact:
    """Fit an encoder on decoded media; one in the space of ``text`` on media with their texts.

    Raises:
        InvalidInput: it is not fitted, not in that space, or the corpus is too small.
    """
    return entry(name).fit(corpus, seed=seed, text=text)


def load(artefact: Artefact, *, text: Encoder[str] | None = None) -> Any:
    """The encoder that was fitted, without a store. Raises WeightsError."""
    return entry(artefact.encoder).load(artefact, text=text)


def card_of(reference: str, store: MediaStore, *, text: Card | None = None) -> Card:
    """The card of a reference; ``text`` is that of the text encoder for one in its space.

    The card of a ready encoder is in its module. That of another is written beside its artefact
    when the encoder is first opened, so that a process which only needs the width loads no model.

    Raises:
        InvalidInput, NotFound, WeightsError, StoreUnavailable: as ``open_encoder``.
    """
    return entry(reference).card_of(_split(reference)[1], store, text=text)


def open_encoder(
    reference: str,
    *,
    store: MediaStore | None = None,
    threads: int = 1,
    text: Encoder[str] | None = None,
) -> Any:
    """Load the encoder of a reference: ``name``, ``name@version`` of a fitted one, or of the hub.

    Raises:
        InvalidInput: no such encoder, an extra is missing, or it has to be fitted first.
        NotFound, WeightsError, StoreUnavailable: the fitted artefact can't be read.
    """
    version = _split(reference)[1]
    return entry(reference).open(version, store=store, threads=threads, text=text)


def _split(reference: str) -> tuple[str, str]:
    name, _, version = reference.partition("@")
    return name, version
