"""A trained Keras model as ONNX: through ``model.export`` and tf2onnx, then checked by both.

Keras and tf2onnx write every operator that the networks use, so there is no writer of our own that
could differ from what was trained. The graph is held to the checks of ``fusion.models``, and its
output to the one of Keras, before anything is saved.
"""

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from triptych.encoders.cards import Vectors
from triptych.fusion.features import Features
from triptych.fusion.models import OUTPUT, Model, ModelCard
from triptych.training.libraries import libraries

TOLERANCE = 1e-5
"""Of outputs up to one; of larger ones, such as logits, of the largest."""
_ROWS = 2048


def export(network: Any, card: ModelCard, sample: Features, *, served: Any = None) -> Model:
    """The model of a network, which gives the same numbers for a sample.

    Args:
        network: as it was trained.
        card: of the model.
        sample: items to compare both with.
        served: the network to export, if it is another that computes the same.

    Raises:
        WeightsError: the graph may not be run.
        RuntimeError: Keras and ONNX Runtime differ by more than ``TOLERANCE``.
    """
    model = Model.of(card, graph(network if served is None else served))
    expected = outputs(network, sample)
    apart = np.abs(model.open(sample.layout)(sample) - expected).max(initial=0.0)
    difference = apart / np.abs(expected).max(initial=1.0)
    if difference > TOLERANCE:
        raise RuntimeError(f"{card.name}: ONNX Runtime differs from Keras by {difference:.2g}")
    return model


def outputs(network: Any, items: Features) -> Vectors:
    """What Keras computes for items, float32 (n, dims)."""
    present = items.filled.astype(np.float32)
    computed = [
        network.predict_on_batch([items.vectors[rows], present[rows]])
        for rows in (slice(start, start + _ROWS) for start in range(0, len(items), _ROWS))
    ]
    return np.concatenate(computed)


def graph(network: Any) -> bytes:
    """The graph of a network; its output has the name that models have."""
    libraries()
    import onnx

    nothing = [np.zeros((1, each.shape[1]), np.float32) for each in network.inputs]
    network.predict(nothing, verbose=0)  # a model that never ran can't be exported
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # tf2onnx asks for a name of old NumPy
        path = Path(folder) / "network.onnx"
        network.export(str(path), format="onnx", verbose=False)
        parsed = onnx.load_model(path)
    _renamed(parsed.graph)
    for value in (*parsed.graph.input, *parsed.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "n"
    parsed.graph.doc_string = ""
    for other in [entry for entry in parsed.opset_import if entry.domain]:
        parsed.opset_import.remove(other)  # tf2onnx names one that it does not use
    data: bytes = parsed.SerializeToString(deterministic=True)
    return data


def _renamed(parsed: Any) -> None:
    """Order and number all values by the way to the output, so that equal networks are equal bytes.

    Their names count what the process made before.
    """
    constants = {tensor.name: tensor for tensor in parsed.initializer}
    makers = {name: node for node in parsed.node for name in node.output}
    names = {value.name: value.name for value in parsed.input}
    nodes: list[Any] = []
    used: list[Any] = []

    def visit(name: str) -> None:
        if not name or name in names:
            return
        if name in constants:
            used.append(constants[name])
            names[name] = f"v{len(names)}"
            return
        for needed in makers[name].input:
            visit(needed)
        nodes.append(makers[name])
        for made in makers[name].output:
            names[made] = f"v{len(names)}"

    last = parsed.output[0].name
    visit(last)
    names[last] = parsed.output[0].name = OUTPUT
    names[""] = ""  # an input that an operator does without
    for tensor in used:
        tensor.name = names[tensor.name]
    for node in nodes:
        node.name = ""
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    kept = [[type(each).FromString(each.SerializeToString()) for each in some]
            for some in (nodes, used)]  # fmt: skip
    del parsed.node[:], parsed.initializer[:], parsed.value_info[:]
    parsed.node.extend(kept[0])
    parsed.initializer.extend(kept[1])
    parsed.name = "network"
