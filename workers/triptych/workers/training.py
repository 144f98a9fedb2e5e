"""What only workers of kind ``train`` import: the training itself, and with it TensorFlow."""

from triptych.training.job import work as train

__all__ = ["train"]
