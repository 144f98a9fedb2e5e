"""Training of fusion and classifiers, in Keras on TensorFlow; nothing that serves imports it.

``train(engine, "photos")`` trains a model of a collection in this process.
"""

from triptych.training.job import train

__all__ = ["train"]
