"""The networks of learned fusion: a token for each block, a mixer over the tokens, one unit vector.

    t_b = x_b W_b + c_b                         for each block that is there, else zeros
    output = unit(mean of t_b + mixer(t))

The mixer starts at zero, so a network starts as the projections of ``start`` and their mean, and
learns what is better than that. Nothing of a block that is absent reaches the output. There is no
operator whose result has a size that is not known beforehand: ``fusion.models`` checks that.
"""

from collections.abc import Callable, Mapping
from typing import Any

from triptych.fusion.blocks import Layout
from triptych.fusion.models import FEATURES, OUTPUT, PRESENT
from triptych.training.libraries import libraries
from triptych.training.start import Projection

HEADS = 4
_KERNEL = 3
_NEVER = 1e9
"""What is subtracted from the attention to an absent token."""
_LEAST = 1e-12


def build(
    name: str,
    layout: Layout,
    *,
    width: int,
    hidden: int,
    dropout: float,
    served: bool = False,
) -> Any:
    """A Keras model: features (n, layout.dims) and present (n, blocks) to unit vectors (n, width).

    Args:
        name: convolution, recurrent or attention.
        layout: the blocks.
        width: of the output.
        hidden: the width of the mixer: its filters, its state, or its tokens.
        dropout: the share of the mixer's numbers, and of the blocks', dropped in training.
        served: whether the projections are one matrix a block, as ``merged`` makes them.
    """
    keras = libraries().keras
    ops = keras.ops
    features = keras.Input((layout.dims,), name=FEATURES)
    present = keras.Input((len(layout.blocks),), name=PRESENT)
    tokens = []
    for column, (block, where) in enumerate(layout.slices.items()):
        projected = _projected(keras, features[:, where], block, width, None if served else dropout)
        tokens.append(projected * present[:, column : column + 1])
    count = ops.sum(present, axis=1, keepdims=True)
    mean = sum(tokens[1:], tokens[0]) / ops.maximum(count, 1.0)
    mixed = _MIXERS[name](keras, tokens, present, hidden, dropout, width)
    summed = (mean + mixed) * ops.minimum(count, 1.0)
    length = ops.sqrt(ops.sum(summed * summed, axis=1, keepdims=True))
    output = keras.layers.Identity(name=OUTPUT)(summed / ops.maximum(length, _LEAST))
    return keras.Model([features, present], output, name=name)


def set_start(network: Any, projections: Mapping[str, Projection]) -> None:
    """Let the projections of the blocks start here."""
    for block, start in projections.items():
        network.get_layer(f"start_{block}").set_weights([start.matrix, start.bias])


def merged(network: Any, served: Any) -> Any:
    """A network as it is served: what was learnt is added to the start, in half the bytes.

    Args:
        network: a trained network.
        served: the same network, built with ``served``; its weights are replaced.
    """
    for target in served.layers:
        if target.weights:
            weights = network.get_layer(target.name).get_weights()
            if target.name.startswith("start_"):
                learnt = network.get_layer(target.name.replace("start_", "learnt_")).get_weights()
                weights = [a + b for a, b in zip(weights, learnt, strict=True)]
            target.set_weights(weights)
    return served


def _projected(keras: Any, block: Any, name: str, width: int, dropout: float | None) -> Any:
    """The start, which stays, and what is learnt beside it, which weight decay keeps small."""
    fixed = keras.layers.Dense(width, trainable=False, name=f"start_{name}")
    if dropout is None:
        return fixed(block)
    learnt = keras.layers.Dense(width, kernel_initializer="zeros", name=f"learnt_{name}")
    return fixed(block) + learnt(keras.layers.Dropout(dropout)(block))


def _convolution(  # noqa: PLR0917  # one signature for all mixers
    keras: Any, tokens: list[Any], present: Any, hidden: int, dropout: float, width: int
) -> Any:
    """Blocks are the channels of a signal along the width; so is whether each is there."""
    ops, layers = keras.ops, keras.layers
    there = [tokens[0] * 0.0 + present[:, column : column + 1] for column in range(len(tokens))]
    channels = ops.stack([*tokens, *there], axis=2)
    convolved = layers.Conv1D(hidden, _KERNEL, padding="same", activation="relu", name="first")(
        channels
    )
    dropped = layers.Dropout(dropout)(convolved)
    last = layers.Conv1D(1, _KERNEL, padding="same", kernel_initializer="zeros", name="last")(
        dropped
    )
    return ops.reshape(last, (-1, width))


def _recurrent(  # noqa: PLR0917
    keras: Any, tokens: list[Any], present: Any, hidden: int, dropout: float, width: int
) -> Any:
    """A gated recurrent unit (Cho et al., EMNLP 2014) over the blocks; absent ones are skipped."""
    layers = keras.layers
    cell = layers.GRUCell(hidden, name="cell")
    state = layers.Dense(
        hidden, use_bias=False, trainable=False, kernel_initializer="zeros", name="nothing"
    )(tokens[0])
    for column, token in enumerate(tokens):
        following, _ = cell(token, [state])
        here = present[:, column : column + 1]
        state = here * following + (1.0 - here) * state
    return _to_zero(keras, state, dropout, width)


def _attention(  # noqa: PLR0917
    keras: Any, tokens: list[Any], present: Any, hidden: int, dropout: float, width: int
) -> Any:
    """One layer of self-attention over the blocks (Vaswani et al., NIPS 2017), then their mean."""
    ops, layers = keras.ops, keras.layers
    count = len(tokens)

    def each(state: Any, layer: Any) -> Any:
        """A layer on each token: as rows, so that the exported graph keeps its shapes."""
        return ops.reshape(layer(ops.reshape(state, (-1, state.shape[-1]))), (-1, count, hidden))

    def heads(state: Any) -> Any:
        cut = ops.reshape(state, (-1, count, HEADS, hidden // HEADS))
        return ops.transpose(cut, (0, 2, 1, 3))

    # A layer for each block gives its token a place of its own.
    embedded = ops.stack(
        [layers.Dense(hidden, name=f"token_{n}")(token) for n, token in enumerate(tokens)], axis=1
    )
    query, key, value = (
        heads(each(embedded, layers.Dense(hidden, name=part))) for part in ("query", "key", "value")
    )
    logits = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) * (hidden // HEADS) ** -0.5
    here = ops.reshape(present, (-1, 1, 1, count))
    attention = ops.softmax(logits - _NEVER * (1.0 - here), axis=-1)
    seen = ops.reshape(
        ops.transpose(ops.matmul(attention, value), (0, 2, 1, 3)), (-1, count, hidden)
    )
    state = embedded + each(layers.Dropout(dropout)(seen), layers.Dense(hidden, name="seen"))
    widened = layers.Dense(2 * hidden, activation="relu", name="wide")
    narrowed = layers.Dense(hidden, name="narrow")
    state += each(state, lambda rows: narrowed(widened(rows)))
    masked = state * ops.reshape(present, (-1, count, 1))
    mean = ops.sum(masked, axis=1) / ops.maximum(ops.sum(present, axis=1, keepdims=True), 1.0)
    return _to_zero(keras, mean, dropout, width)


def _to_zero(keras: Any, state: Any, dropout: float, width: int) -> Any:
    """The last layer of a mixer, zero at the start."""
    dropped = keras.layers.Dropout(dropout)(state)
    return keras.layers.Dense(width, kernel_initializer="zeros", name="last")(dropped)


_MIXERS: Mapping[str, Callable[..., Any]] = {
    "convolution": _convolution,
    "recurrent": _recurrent,
    "attention": _attention,
}
