"""What a module declares about its encoders. Reading it loads no model and no heavy library.

A module of ``audio``, ``hub``, ``image`` or ``text`` lists its entries in ``ENCODERS``, and the
registry finds them there: nothing else has to change for a new encoder.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any

from triptych.core.errors import InvalidInput, NotFound
from triptych.encoders import artefacts
from triptych.encoders.artefacts import Artefact
from triptych.encoders.cards import Card, fingerprint
from triptych.encoders.encoder import Encoder
from triptych.encoders.roles import ROLES
from triptych.encoders.scales import UNSCALED, Scale
from triptych.encoders.weights import WeightsError
from triptych.media.store import MediaStore

_IN_TEXT_SPACE = frozenset(role.block for role in ROLES if role.in_text_space)


@dataclass(frozen=True)
class Depends:
    """The packages that an encoder imports, and the extra that installs them."""

    extra: str
    packages: tuple[str, ...]
    """By the names they are imported under."""

    @property
    def missing(self) -> list[str]:
        """Packages that are not installed."""
        return [name for name in self.packages if find_spec(name) is None]


@dataclass(frozen=True, kw_only=True)
class Entry(ABC):
    """The declaration of one encoder; its kinds differ in how the encoder is made."""

    card: Card
    roles: tuple[str, ...]
    """The settings that may name it: blocks that it can fill, and ``keywords``."""
    depends: Depends
    scale: Scale = UNSCALED

    @property
    def takes_text(self) -> bool:
        """Whether it can be made with a text encoder, to be in the space of its vectors."""
        return not _IN_TEXT_SPACE.isdisjoint(self.roles)

    @property
    def needs_text(self) -> bool:
        """Whether it can't be made without one."""
        return _IN_TEXT_SPACE.issuperset(self.roles)

    def open(
        self,
        version: str,
        *,
        store: MediaStore | None = None,
        threads: int = 1,
        text: Encoder[str] | None = None,
    ) -> Encoder[Any]:
        """Load the encoder. Raises as ``registry.open_encoder``."""
        self._check_text(text)
        self._check_installed()
        return self._open(version, store, threads, text)

    def card_of(self, version: str, store: MediaStore, *, text: Card | None = None) -> Card:
        """The card that ``open`` gives the encoder. Raises as ``registry.card_of``."""
        self._check_text(text)
        return self._card_of(version, store, text)

    def fit(
        self, corpus: Iterable[Any], *, seed: int = 0, text: Encoder[str] | None = None
    ) -> Artefact:
        """Learn from a corpus. Raises InvalidInput for an encoder that is not fitted."""
        del corpus, seed, text
        raise InvalidInput(f"{self.card.name} needs no fitting")

    def load(self, artefact: Artefact, *, text: Encoder[str] | None = None) -> Encoder[Any]:
        """The encoder that ``fit`` made. Raises WeightsError for the artefact of another."""
        del text
        raise WeightsError(f"{self.card.name} is not fitted: {artefact.reference} is not its own")

    @abstractmethod
    def _open(
        self, version: str, store: MediaStore | None, threads: int, text: Encoder[str] | None
    ) -> Encoder[Any]: ...

    @abstractmethod
    def _card_of(self, version: str, store: MediaStore, text: Card | None) -> Card: ...

    def _check_text(self, text: object) -> None:
        if text is None and self.needs_text:
            raise InvalidInput(f"{self.card.name} is compared with texts: it needs a text encoder")
        if text is not None and not self.takes_text:
            raise InvalidInput(f"{self.card.name} is not compared with texts")

    def _check_installed(self) -> None:
        if missing := self.depends.missing:
            raise InvalidInput(
                f"{', '.join(missing)} is not installed: "
                f"pip install 'triptych[{self.depends.extra}]'"
            )


@dataclass(frozen=True, kw_only=True)
class Ready(Entry):
    """An encoder that needs no corpus."""

    make: Callable[..., Encoder[Any]]
    """Takes ``threads``, and ``text`` if it is in the space of texts."""

    def _open(
        self, version: str, store: MediaStore | None, threads: int, text: Encoder[str] | None
    ) -> Encoder[Any]:
        del store
        self._check_version(version)
        return self.make(threads=threads, **_options(text))

    def _card_of(self, version: str, store: MediaStore, text: Card | None) -> Card:
        del store
        self._check_version(version)
        return self.card if text is None else self.card.in_space_of(text)

    def _check_version(self, version: str) -> None:
        if version:
            raise InvalidInput(f"{self.card.name} is not fitted: leave out @{version}")


@dataclass(frozen=True, kw_only=True)
class Fitted(Entry):
    """An encoder that learns from a corpus first."""

    learner: type[Any]
    """A ``encoder.Fittable``. One in the space of texts also has ``card_of(artefact, text)``."""

    def fit(
        self, corpus: Iterable[Any], *, seed: int = 0, text: Encoder[str] | None = None
    ) -> Artefact:
        """Learn from a corpus. Raises InvalidInput if it is too small."""
        self._check_text(text)
        self._check_installed()
        artefact: Artefact = self.learner.fit(corpus, seed=seed, **_options(text))
        return artefact

    def load(self, artefact: Artefact, *, text: Encoder[str] | None = None) -> Encoder[Any]:
        """The encoder that ``fit`` made."""
        self._check_text(text)
        encoder: Encoder[Any] = self.learner.load(artefact, **_options(text))
        return encoder

    def _open(
        self, version: str, store: MediaStore | None, threads: int, text: Encoder[str] | None
    ) -> Encoder[Any]:
        del threads
        reference = self._reference(version)
        if store is None:
            raise InvalidInput(f"{reference} is in a media store: name the store")
        return self.load(artefacts.load(store, reference), text=text)

    def _card_of(self, version: str, store: MediaStore, text: Card | None) -> Card:
        reference = self._reference(version)
        if text is None:
            return remembered(reference, store, lambda: self.open(version, store=store))
        card: Card = self.learner.card_of(artefacts.load(store, reference), text)
        return card

    def _reference(self, version: str) -> str:
        name = self.card.name
        if not version:
            raise InvalidInput(f"{name} is fitted on a corpus first: triptych fit {name} PATH…")
        return f"{name}@{version}"


def remembered(reference: str, store: MediaStore, opened: Callable[[], Encoder[Any]]) -> Card:
    """A card that is only known once the encoder is open, kept in the store from then on.

    Raises:
        WeightsError: the card in the store can't be read.
    """
    file = f"card-{fingerprint(reference)}.json"
    try:
        data = store.read_document(artefacts.FOLDER, file)
    except NotFound:
        card = opened().card
        store.write_document(artefacts.FOLDER, file, json.dumps(asdict(card)).encode())
        return card
    try:
        facts = json.loads(data)
        lists = {name: tuple(facts[name]) for name in ("weights", "built_on")}
        return Card(**{**facts, **lists})
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"the card of {reference} in the store can't be read: {error}"
        ) from error


def _options(text: Encoder[str] | None) -> dict[str, Encoder[str]]:
    return {} if text is None else {"text": text}
