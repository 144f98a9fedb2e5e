"""Learnt models of fused features as files: one ONNX graph, with the card of the model inside.

Whoever can write to the media store can write a model, so a file is hostile until it is checked:
its digest is the one that its reference names, its size is bounded, it has no data outside of the
file, no operator beyond a short list, no graph within the graph, and each of its values has a known
and bounded size for an item. Then ONNX Runtime may see it.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np

from triptych.core.errors import FingerprintMismatch, InvalidInput, NotFound
from triptych.encoders.cards import Vectors
from triptych.encoders.onnx import open_session
from triptych.encoders.weights import WeightsError
from triptych.fusion.blocks import Layout
from triptych.fusion.features import Features
from triptych.media.store import MediaStore

FOLDER = "models"
FEATURES, PRESENT, OUTPUT = "features", "present", "output"
"""The inputs and the output of each graph: float32 (n, layout.dims), float32 (n, blocks) of zeros
and ones, float32 (n, dims)."""

MAX_BYTES = 64 * 2**20
OPERATORS = frozenset({
    "Add", "Cast", "Concat", "Conv", "Div", "Gemm", "Identity", "MatMul", "Max", "Min", "Mul",
    "Neg", "ReduceSum", "Relu", "Reshape", "Sigmoid", "Slice", "Softmax", "Split", "Sqrt",
    "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze",
})  # fmt: skip
"""None of them reads a file, loops, or makes a size out of a number it is given."""

_MAX_NUMBERS = 2**18
"""Of one value of a graph, an item."""
_CARD = "triptych.card"
_DIGITS = 16
_REFERENCE = re.compile(rf"([a-z]+)@([0-9a-f]{{{_DIGITS}}})")
_RUN = 256
"""Items in one run of a graph: its memory is bounded by these."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Facts of a learnt model. It is a part of the file, and so of the fingerprint."""

    kind: Literal["fusion", "classifier"]
    name: str
    """convolution, recurrent, attention; or classifier."""
    version: int
    """Of the code that trained it."""
    dims: int
    """The width of the output."""
    layout: str
    """The fingerprint of the layout whose features it takes."""
    blocks: Mapping[str, tuple[int, str]]
    """By name, the width and the fingerprint of each block."""
    data: Mapping[str, Any]
    """What it was trained on: items, groups, items by part."""
    metrics: Mapping[str, float]
    """On validation items, which it was not trained on."""
    seed: int
    versions: Mapping[str, str]
    """Of the libraries that trained it."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Sizes and rates of the training."""
    share: float = 1.0
    """Of a fusion: how much of the score is its own. 1 replaces the blocks; below, it adds one."""
    classes: tuple[str, ...] = ()
    """Of a classifier."""
    temperature: float = 1.0
    """Of a classifier: what its logits are divided by."""

    def check(self, layout: Layout) -> None:
        """Raise FingerprintMismatch unless the model takes the features of this layout."""
        if self.layout != layout.fingerprint:
            other = [
                block.name
                for block in layout.blocks
                if tuple(self.blocks.get(block.name, ())) != (block.dims, block.card.fingerprint)
            ] + [name for name in self.blocks if name not in layout.slices]
            raise FingerprintMismatch(
                f"{self.name} was trained on features of layout {self.layout}, not "
                f"{layout.fingerprint} ({', '.join(other) or 'their order'} differ): train it anew"
            )


@dataclass(frozen=True)
class Model:
    """A model that may be run: its card and its file."""

    card: ModelCard
    data: bytes

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits over card and weights."""
        return hashlib.sha256(self.data).hexdigest()[:_DIGITS]

    @property
    def reference(self) -> str:
        """``name@fingerprint``."""
        return f"{self.card.name}@{self.fingerprint}"

    @classmethod
    def of(cls, card: ModelCard, graph: bytes) -> Self:
        """A model of a graph, with the card put into it. Raises WeightsError as ``from_bytes``."""
        onnx = _onnx()
        parsed = onnx.load_model_from_string(graph)
        del parsed.metadata_props[:]
        text = json.dumps(asdict(card), ensure_ascii=False)
        onnx.helper.set_model_props(parsed, {_CARD: text})
        return cls.from_bytes(parsed.SerializeToString(deterministic=True))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Check a file, and read its card.

        Raises:
            WeightsError: it is damaged, too large, or may do more than compute.
        """
        if len(data) > MAX_BYTES:
            raise WeightsError(f"model file of {len(data)} bytes; {MAX_BYTES} are allowed")
        onnx = _onnx()
        try:
            parsed = onnx.load_model_from_string(data)
            cards = [entry.value for entry in parsed.metadata_props if entry.key == _CARD]
            facts = json.loads(cards[0])
            blocks = {name: (int(dims), str(digest)) for name, (dims, digest)
                      in facts.pop("blocks").items()}  # fmt: skip
            card = ModelCard(**{**facts, "blocks": blocks, "classes": tuple(facts["classes"])})
        except Exception as error:  # protobuf has errors of its own
            raise WeightsError(f"model file can't be read: {error}") from error
        _check_graph(parsed, card)
        return cls(card, data)

    def open(self, layout: Layout) -> "Runner":
        """Open the model for features of a layout. Raises FingerprintMismatch."""
        self.card.check(layout)
        return Runner(self)


class Runner:
    """A session of a model, one thread. One instance serves many threads."""

    def __init__(self, model: Model) -> None:
        self.card = model.card
        self._session = open_session(model.data, threads=1)

    def __call__(self, items: Features) -> Vectors:
        """The output for items, float32 (n, card.dims)."""
        if not len(items):
            return np.empty((0, self.card.dims), np.float32)
        runs = [slice(start, start + _RUN) for start in range(0, len(items), _RUN)]
        present = items.filled.astype(np.float32)
        return np.concatenate([self._run(items.vectors[run], present[run]) for run in runs])

    def _run(self, vectors: Vectors, present: Vectors) -> Vectors:
        output: Vectors = self._session.run(None, {FEATURES: vectors, PRESENT: present})[0]
        return output


def save(store: MediaStore, model: Model) -> None:
    """Write durably; ``load`` finds it by its reference."""
    store.write_document(FOLDER, _file_name(model.reference), model.data)


def load(store: MediaStore, reference: str) -> Model:
    """Read what ``save`` wrote.

    Raises:
        NotFound: there is no such model.
        WeightsError: the file was changed, or may not be run.
        InvalidInput: this is no reference.
        StoreUnavailable: the store does not answer.
    """
    file = _file_name(reference)
    try:
        data = store.read_document(FOLDER, file)
    except NotFound as error:
        raise NotFound(f"model {reference} is not in this media store") from error
    name, _, digest = reference.partition("@")
    if hashlib.sha256(data).hexdigest()[:_DIGITS] != digest:
        raise WeightsError(f"model {reference} was changed: its digest is another")
    model = Model.from_bytes(data)
    if model.card.name != name:
        raise WeightsError(f"model {reference} is of {model.card.name}")
    return model


def delete(store: MediaStore, reference: str) -> None:
    """Remove what ``save`` wrote, if it is there. Raises InvalidInput, StoreUnavailable."""
    store.delete_document(FOLDER, _file_name(reference))


def check_reference(reference: str) -> None:
    """Raise InvalidInput unless this is of the form of a reference."""
    _file_name(reference)


def _file_name(reference: str) -> str:
    parts = _REFERENCE.fullmatch(reference)
    if parts is None:
        raise InvalidInput(f"{reference!r} is not of the form name@fingerprint")
    return f"{parts[1]}-{parts[2]}.onnx"


def _onnx() -> Any:
    import onnx

    return onnx


def _check_graph(parsed: Any, card: ModelCard) -> None:
    """Raise WeightsError unless the graph only computes, on values of bounded size."""
    onnx = _onnx()
    if parsed.functions or parsed.training_info or parsed.graph.sparse_initializer:
        raise WeightsError("model file holds more than a graph of operators")
    if any(entry.domain for entry in parsed.opset_import):
        raise WeightsError("model file uses operators that are not ONNX's own")
    for node in parsed.graph.node:
        if node.domain or node.op_type not in OPERATORS:
            raise WeightsError(f"model file uses {node.op_type}, which is not allowed")
    tensors = [*parsed.graph.initializer,
               *(entry.t for node in parsed.graph.node for entry in node.attribute)]  # fmt: skip
    if any(tensor.data_location or tensor.external_data for tensor in tensors):
        raise WeightsError("model file refers to data outside of it")
    try:
        onnx.checker.check_model(parsed)
        inferred = onnx.shape_inference.infer_shapes(
            parsed, check_type=True, strict_mode=True, data_prop=True
        )
    except Exception as error:  # C++ errors of several kinds
        raise WeightsError(f"model file is no valid graph: {error}") from error
    _check_shapes(inferred.graph, card)


def _check_shapes(graph: Any, card: ModelCard) -> None:
    """Raise WeightsError unless inputs and output fit the card, and each value is small."""
    ends = {
        FEATURES: sum(dims for dims, _ in card.blocks.values()),
        PRESENT: len(card.blocks),
        OUTPUT: card.dims,
    }
    shapes = {
        value.name: [entry.dim_value for entry in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output, *graph.value_info)
    }
    names = [value.name for value in (*graph.input, *graph.output)]
    if sorted(names) != sorted(ends) or any(shapes[end] != [0, ends[end]] for end in ends):
        found = {name: shapes[name] for name in names}
        raise WeightsError(f"model file has inputs and outputs {found}, its card {ends}")
    for node in graph.node:
        for name in node.output:
            numbers = int(np.prod([float(size or 1) for size in shapes.get(name, [])]))
            unknown = sum(size == 0 for size in shapes.get(name, [0, 0]))
            if unknown > 1 or numbers > _MAX_NUMBERS:
                raise WeightsError(f"model file has a value without a bounded size: {name}")
