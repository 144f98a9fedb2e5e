"""How good classes are: counts of right and wrong answers, and what follows. Pure functions.

Classes are whole numbers from 0. TP, TN, FP and FN of a class count the items that are of it and
were found, are not and were not, are not but were, and are but were not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_BINS = 10


def confusion_matrix(truth: Counts, predicted: Counts, classes: int) -> Counts:
    """How often each class, by row, was taken for each class, by column: (classes, classes)."""
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (truth, predicted), 1)
    return matrix


@dataclass(frozen=True, eq=False)
class Outcomes:
    """TP, TN, FP and FN of each class, (classes,)."""

    tp: Counts
    tn: Counts
    fp: Counts
    fn: Counts

    @classmethod
    def of(cls, confusion: Counts) -> "Outcomes":
        """Those of a confusion matrix."""
        tp = np.diag(confusion)
        fp, fn = confusion.sum(axis=0) - tp, confusion.sum(axis=1) - tp
        return cls(tp, confusion.sum() - tp - fp - fn, fp, fn)

    @property
    def accuracy(self) -> Floats:
        """(TP + TN) / (TP + TN + FP + FN) of each class against the others."""
        return _ratio(self.tp + self.tn, self.tp + self.tn + self.fp + self.fn)

    @property
    def precision(self) -> Floats:
        """TP / (TP + FP); 0 for a class that is never predicted."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> Floats:
        """TP / (TP + FN); 0 for a class without items."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> Floats:
        """2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)


def _ratio(part: Counts, whole: Counts) -> Floats:
    ratio: Floats = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    return ratio


def accuracy(confusion: Counts) -> float:
    """The share of items whose class was found."""
    return float(np.trace(confusion) / confusion.sum())


def calibration_error(probabilities: Floats, truth: Counts) -> float:
    """The expected calibration error: how far confidence is from the share that is right.

    Mean over ten bins of confidence, by their items (Guo et al., On calibration of modern neural
    networks, ICML 2017).

    Args:
        probabilities: (n, classes).
        truth: (n,).
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    gaps = [
        (bins == each).sum() * abs(confidence[bins == each].mean() - right[bins == each].mean())
        for each in np.unique(bins)
    ]
    return float(np.sum(gaps) / len(truth))


def softmax(logits: NDArray[np.floating], temperature: float = 1.0) -> Floats:
    """Probabilities of logits, (n, classes), in double precision."""
    scaled = logits.astype(np.float64) / temperature
    shares = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    probabilities: Floats = shares / shares.sum(axis=1, keepdims=True)
    return probabilities
