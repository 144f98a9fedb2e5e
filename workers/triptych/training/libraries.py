"""Keras on TensorFlow, set up so that training is the same each time."""

import os
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, NamedTuple

from triptych.core.errors import Unavailable


class Libraries(NamedTuple):
    """The modules that training needs."""

    keras: Any
    tensorflow: Any


def libraries() -> Libraries:
    """Import Keras and TensorFlow: some seconds in a process that had neither.

    Raises:
        Unavailable: they are not installed.
    """
    if missing := [name for name in ("tensorflow", "keras", "tf2onnx") if find_spec(name) is None]:
        raise Unavailable(
            f"training needs {missing[0]}, which is not installed: "
            "pip install --require-hashes -r requirements/train.txt, or triptych[train]"
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # its sums depend on the processor
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    return Libraries(keras, tf)


def versions() -> dict[str, str]:
    """The versions of what training depends on."""
    libraries = {name: version(name) for name in ("triptych", "keras", "numpy", "tf2onnx")}
    import tensorflow as tf

    return {**libraries, "tensorflow": str(tf.__version__)}
