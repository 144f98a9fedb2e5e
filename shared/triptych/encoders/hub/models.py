"""CLIP, SigLIP and CLAP, each of their halves: what it is called, how it is fed, what it gives.

Radford et al., Learning transferable visual models from natural language supervision (ICML 2021);
Zhai et al., Sigmoid loss for language image pre-training (ICCV 2023); Wu et al., Large-scale
contrastive language-audio pretraining (ICASSP 2023). Names of inputs and outputs as optimum's
exporter writes them (huggingface.co/docs/optimum-onnx).
"""

import json
from functools import partial

from triptych.core.item import Modality
from triptych.encoders.cards import Card
from triptych.encoders.entries import Depends
from triptych.encoders.hub.preprocess import Pictures, Runs, Sounds, TextRules, Texts
from triptych.encoders.hub.towers import FromHub, Tower


def _read_texts(tokenizer: str, config: str, *, rules: TextRules) -> Runs:
    return Texts(tokenizer, json.loads(config), rules)


def _read_pictures(config: str) -> Runs:
    return Pictures(json.loads(config))


def _read_sounds(config: str) -> Runs:
    return Sounds(json.loads(config))


def _card(name: str, modality: Modality, dims: int) -> Card:
    """What is known before a repository is named; the width is that of the usual ones."""
    return Card(
        name=name,
        version=1,
        modality=modality,
        dims=dims,
        licence="see the repository",
        source="huggingface.co, the repository that the reference names",
    )


def _text_tower(
    name: str,
    dims: int,
    outputs: tuple[str, ...],
    rules: TextRules,
    *,
    inputs: tuple[frozenset[str], ...],
) -> Tower:
    return Tower(
        _card(name, "text", dims),
        "text_model",
        outputs,
        ("tokenizer.json", "tokenizer_config.json"),
        partial(_read_texts, rules=rules),
        inputs,
    )


def _image_tower(name: str, dims: int, outputs: tuple[str, ...]) -> Tower:
    return Tower(
        _card(name, "image", dims),
        "vision_model",
        outputs,
        ("preprocessor_config.json",),
        _read_pictures,
        (frozenset({"pixel_values"}),),
    )


_MASKED = frozenset({"input_ids", "attention_mask"})
_UNMASKED = frozenset({"input_ids"})

# CLIP attends to what is before a token only, so it does without a mask; its pooler_output is not
# in the common space. SigLIP reads its padding, and has no projection: its pooler_output is.
CLIP_TEXT = _text_tower(
    "clip-text", 512, ("text_embeds",), TextRules(77), inputs=(_MASKED, _UNMASKED)
)
CLIP_IMAGE = _image_tower("clip-image", 512, ("image_embeds",))
SIGLIP_TEXT = _text_tower(
    "siglip-text",
    768,
    ("text_embeds", "pooler_output"),
    TextRules(64, padded=True, lower=True),
    inputs=(_UNMASKED, _MASKED),
)
SIGLIP_IMAGE = _image_tower("siglip-image", 768, ("image_embeds", "pooler_output"))
CLAP_TEXT = _text_tower("clap-text", 512, ("text_embeds",), TextRules(512), inputs=(_MASKED,))
CLAP_AUDIO = Tower(
    _card("clap-audio", "audio", 512),
    "audio_model",
    ("audio_embeds",),
    ("preprocessor_config.json",),
    _read_sounds,
    (frozenset({"input_features"}),),
)


def _entry(tower: Tower, packages: tuple[str, ...], *roles: str) -> FromHub:
    depends = Depends("hub", ("huggingface_hub", "onnxruntime", *packages))
    return FromHub(card=tower.card, roles=roles, depends=depends, tower=tower)


ENCODERS = (
    _entry(CLIP_IMAGE, ("PIL",), "concept", "visual"),
    _entry(SIGLIP_IMAGE, ("PIL",), "concept", "visual"),
    _entry(CLIP_TEXT, ("tokenizers",), "semantic"),
    _entry(SIGLIP_TEXT, ("tokenizers",), "semantic"),
    _entry(CLAP_TEXT, ("tokenizers",), "semantic"),
    _entry(CLAP_AUDIO, ("librosa", "soxr"), "acoustic", "heard"),
)
