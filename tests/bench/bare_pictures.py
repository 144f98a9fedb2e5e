"""The image encoders as bare calls of the libraries that they wrap, with the same parameters."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import normalize

from triptych.core.settings import cache_home
from triptych.encoders.artefacts import Artefact
from triptych.encoders.cards import Vectors
from triptych.encoders.image import efficientnet, heads
from triptych.encoders.image.lite0_network import build_network
from triptych.encoders.text.minilm import MiniLM

Pixels = NDArray[np.uint8]
Pictures = Sequence[Pixels]
Bare = Callable[[Pictures], Any]


def efficientnet_lite0() -> Bare:
    """Content on white, and one run of the network for all pictures."""
    network = build_network(efficientnet.load_weights())
    session = efficientnet.open_session(network, threads=1)

    def encode(pictures: Pictures) -> Vectors:
        batch = np.stack([_on_white(picture) for picture in pictures])
        found: Vectors = session.run(None, {"image": batch})[0]
        return found

    return encode


def _on_white(picture: Pixels) -> Pixels:
    rim = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    background = np.median(rim, axis=0)
    plain = cv2.inRange(picture, background - 12, background + 12)
    x, y, width, height = cv2.boundingRect(cv2.bitwise_not(plain))
    content = picture[y : y + height, x : x + width] if width else picture
    height, width = _size(content, scale := 188 / max(content.shape[:2]))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    square = np.full((224, 224, 3), 255, np.uint8)
    top, left = 18 + (188 - height) // 2, 18 + (188 - width) // 2
    square[top : top + height, left : left + width] = cv2.resize(
        content, (width, height), interpolation=method
    )
    return square


def _size(picture: Pixels, scale: float) -> tuple[int, int]:
    height, width = picture.shape[:2]
    return max(1, round(height * scale)), max(1, round(width * scale))


def visual_projection() -> Bare:
    """Three layers of the network, side by side, times a matrix of signs, centred."""
    network = efficientnet_lite0()
    signs = heads.sign_matrix(2784, 256, b"visual-projection")
    centre = np.asarray(heads._CENTRE, np.float32)
    return lambda pictures: normalize(_layers(network(pictures)) @ signs - centre)


def visual_whitened(artefact: Artefact) -> Bare:
    """The same layers in their principal directions."""
    network = efficientnet_lite0()
    mean, matrix = artefact.arrays["mean"], artefact.arrays["matrix"]
    return lambda pictures: normalize((_layers(network(pictures)) - mean) @ matrix)


def _layers(pooled: Vectors) -> Vectors:
    roots = np.split(np.sqrt(pooled[:, 1280:]), [1152, 2304], axis=1)
    return np.hstack([normalize(x - m) for x, m in zip(roots, (0.49, 0.31, 0.70), strict=True)])


def conse() -> Bare:
    """The mean of the names of the fifty likeliest classes by their probabilities."""
    network = efficientnet_lite0()
    weights = efficientnet.load_weights()
    names = heads.class_vectors(MiniLM(), heads.described_classes(), cache_home())

    def encode(pictures: Pictures) -> Vectors:
        features = network(pictures)[:, :1280]
        logits = (features @ weights["_fc.weight"].T + weights["_fc.bias"]) / 2
        least = np.partition(logits, -50, axis=1)[:, -50, np.newaxis]
        shares = np.exp(np.where(logits >= least, logits, -np.inf))
        mixed: Vectors = normalize(shares @ names)  # the sum of the shares does not matter
        return mixed

    return encode


def hsv_histogram() -> Bare:
    """Every pixel that is not white shared among the bins about it, counted by NumPy."""
    return lambda pictures: normalize(np.sqrt([_colours(picture) for picture in pictures]))


def _colours(picture: Pixels) -> NDArray[np.float64]:
    if (scale := 128 / max(picture.shape[:2])) < 1:
        size = _size(picture, scale)[::-1]
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    pixels = picture[picture.min(axis=2) < 250]
    if not len(pixels):
        return np.zeros(200)
    hue, saturation, value = cv2.cvtColor(
        pixels[np.newaxis].astype(np.float32) / 255, cv2.COLOR_RGB2HSV
    )[0].T
    vivid = np.minimum(saturation * value / np.float32(0.2), 1)
    counts = np.zeros(192)
    for h, s, v in product(_two_bins(hue / 30), _two_bins(saturation * 3), _two_bins(value * 3)):
        bins = h[0] % 12 * 16 + np.minimum(s[0], 3) * 4 + np.minimum(v[0], 3)
        counts += np.bincount(bins, h[1] * s[1] * v[1] * vivid, 192)
    greys = np.zeros(8)
    for level, share in _two_bins(value * 7):
        greys += np.bincount(np.minimum(level, 7), share * (1 - vivid), 8)
    return np.concatenate([counts, greys])


def _two_bins(place: Vectors) -> list[tuple[NDArray[np.intp], Vectors]]:
    lower = np.floor(place).astype(np.intp)
    return [(lower, 1 - (place - lower)), (lower + 1, place - lower)]


def sift_words(artefact: Artefact) -> Bare:
    """SIFT, and its distances to the words."""
    return lambda pictures: np.concatenate([_weighed(artefact, _sift(p), "sift") for p in pictures])


def orb_words(artefact: Artefact) -> Bare:
    """ORB, and its distances to the words."""
    return lambda pictures: np.concatenate([_weighed(artefact, _orb(p), "orb") for p in pictures])


def combined_words(artefact: Artefact) -> Bare:
    """The greater of both, word by word."""
    sift, orb = sift_words(artefact), orb_words(artefact)
    return lambda pictures: normalize(np.maximum(sift(pictures), orb(pictures)))


def rootsift_vlad(artefact: Artefact) -> Bare:
    """RootSIFT, its residuals at the nearest word summed up, and PCA."""
    words, mean, whitening = (artefact.arrays[name] for name in ("words", "mean", "whitening"))

    def sums(picture: Pixels) -> Vectors:
        found = normalize(np.sqrt(_sift(picture)))
        nearest = _squared_distances(found, words).argmin(axis=1)
        members = (nearest == np.arange(len(words))[:, np.newaxis]).astype(np.float32)
        residuals = members @ (found - words[nearest])
        roots = np.sign(residuals) * np.sqrt(np.abs(residuals))
        return normalize(normalize(roots).reshape(1, -1)) - mean  # type: ignore[no-any-return]

    def encode(pictures: Pictures) -> Vectors:
        whitened: Vectors = normalize(np.concatenate([sums(p) for p in pictures]) @ whitening)
        return whitened

    return encode


def _weighed(artefact: Artefact, found: Vectors, kind: str) -> Vectors:
    words, rarity = (artefact.arrays[f"{kind}.{part}"] for part in ("words", "rarity"))
    least = _squared_distances(found, words).min(axis=0)
    responses = np.exp(-least / artefact.values["spreads"][kind])
    weighed: Vectors = normalize((responses * rarity)[np.newaxis])
    return weighed


def _squared_distances(found: Vectors, words: Vectors) -> Vectors:
    lengths = (found**2).sum(axis=1, keepdims=True) + (words**2).sum(axis=1)
    distances: Vectors = lengths - 2 * found @ words.T
    return distances


def _sift(picture: Pixels) -> Vectors:
    detector = cv2.SIFT.create(600, 3, 0.01, 20, 1.6, cv2.CV_8U)
    found: Vectors = normalize(_strongest(detector, picture).astype(np.float32))
    return found


def _orb(picture: Pixels) -> Vectors:
    bits = _strongest(cv2.ORB.create(600, fastThreshold=10), picture)
    return np.unpackbits(bits, axis=1).astype(np.float32)


def _strongest(detector: Any, picture: Pixels) -> Pixels:
    """The descriptors of at most 600 keypoints."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    longer = max(grey.shape)
    if not 256 <= longer <= 384:
        scale = 384 / longer if longer > 384 else 256 / longer
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        grey = cv2.resize(grey, _size(picture, scale)[::-1], interpolation=method)
    grey = cv2.copyMakeBorder(grey, 16, 16, 16, 16, cv2.BORDER_REPLICATE)
    keypoints, found = detector.detectAndCompute(grey, None)
    order = np.argsort([-point.response for point in keypoints], kind="stable")[:600]
    return np.asarray(found[order], np.uint8)


def rapidocr() -> Callable[[Pictures], list[str]]:
    """RapidOCR's own call; a text a picture."""
    from rapidocr import RapidOCR

    reader = RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_preprocess_img": False,
            "Global.text_score": 0.8,
            "Global.use_cls": False,
            "Det.limit_type": "max",
            "Det.limit_side_len": 1024,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )

    def read(pictures: Pictures) -> list[str]:
        found: list[Any] = [reader(cv2.cvtColor(p, cv2.COLOR_RGB2BGR)) for p in pictures]
        return ["\n".join(writing.txts or ()) for writing in found]

    return read


READY: Mapping[str, Callable[[], Bare]] = {
    "visual-projection": visual_projection,
    "conse": conse,
    "hsv-histogram": hsv_histogram,
}
FITTED: Mapping[str, Callable[[Artefact], Bare]] = {
    "visual-whitened": visual_whitened,
    "sift-words": sift_words,
    "orb-words": orb_words,
    "combined-words": combined_words,
    "rootsift-vlad": rootsift_vlad,
}
