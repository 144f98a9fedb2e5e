"""SURF: keypoints, their orientation, their descriptors."""

import cv2
import numpy as np
import pytest

from triptych.encoders.image import surf
from triptych.encoders.image.surf import DIMS, Keypoints, Wavelets, describe, detect, orient


def blob(x: float, y: float, spread: float, shape: tuple[int, int] = (120, 150)) -> np.ndarray:
    """A dark Gaussian on light grey."""
    rows, columns = np.indices(shape)
    bump = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * spread**2))
    return (230 - 180 * bump).round().astype(np.uint8)


def described(grey: np.ndarray, limit: int = 200) -> tuple[Keypoints, np.ndarray, np.ndarray]:
    """Keypoints, angles and descriptors."""
    keypoints = detect(grey, limit=limit, threshold=1)
    wavelets = Wavelets(grey)
    angles = orient(wavelets, keypoints)
    return keypoints, angles, describe(wavelets, keypoints, angles)


@pytest.mark.parametrize(("x", "y", "spread"), [(60.3, 44.8, 3), (71, 63.5, 5), (80.6, 50.2, 8)])
def test_a_blob_is_found_where_it_is(x, y, spread):
    """In proportion to its size: boxes answer most to a Gaussian of 1.37 times their scale."""
    keypoints = detect(blob(x, y, spread), limit=1, threshold=1)
    assert keypoints.points[0] == pytest.approx((x, y), abs=0.3)
    assert keypoints.scales[0] == pytest.approx(0.73 * spread, rel=0.06)
    assert keypoints.sizes[0] == pytest.approx(keypoints.scales[0] * 9 / 1.2)


def test_the_determinant_is_that_of_boxes(drawings):
    """At some places, with every box summed by itself."""
    grey = cv2.cvtColor(drawings[0], cv2.COLOR_RGB2GRAY)
    for lobe, x, y in ((3, 70, 65), (9, 77, 61), (25, 90, 80)):
        half, third, wide = lobe - 1, lobe // 2, 2 * lobe - 1

        def box(left: int, top: int, width: int, height: int) -> int:
            around = grey[y - 60 : y + 61, x - 60 : x + 61]  # noqa: B023  # called in this round
            return int(around[60 + top :, 60 + left :][:height, :width].sum())

        lobes = [(-third - lobe, 1), (-third, -2), (third + 1, 1)]
        across = sum(weight * box(left, -half, lobe, wide) for left, weight in lobes)
        down = sum(weight * box(-half, top, wide, lobe) for top, weight in lobes)
        mixed = (
            box(1, -lobe, lobe, lobe) + box(-lobe, 1, lobe, lobe)
            - box(1, 1, lobe, lobe) - box(-lobe, -lobe, lobe, lobe)
        )  # fmt: skip
        expected = (across * down - 0.81 * mixed**2) / (3 * lobe) ** 4
        assert surf._determinant(grey, lobe)[y, x] == pytest.approx(expected, rel=1e-4, abs=1e-3)


def test_wavelets_are_differences_of_halves(drawings):
    """Right less left, below less above; the rim goes on outside."""
    grey = cv2.cvtColor(drawings[1], cv2.COLOR_RGB2GRAY)
    padded = np.pad(grey.astype(int), 30, mode="edge")
    wavelets = Wavelets(grey)
    for x, y, half in ((50.0, 40.0, 3), (0.0, 12.0, 8), (grey.shape[1] - 1.0, 70.0, 13)):
        place = [np.array([v - 0.5], np.float32) for v in (x, y)]
        right, below = wavelets(*place, np.array([half], np.int32))
        column, row = int(x) + 30, int(y) + 30
        square = padded[row - half : row + half, column - half : column + half]
        assert right[0] == square[:, half:].sum() - square[:, :half].sum()
        assert below[0] == square[half:].sum() - square[:half].sum()


@pytest.mark.parametrize("degrees", [0, 40, 135, 220, 310])
def test_the_orientation_is_towards_the_light(degrees):
    """Clockwise from the x axis, as y points down."""
    direction = np.radians(degrees)
    rows, columns = np.indices((121, 121)) - 60
    ramp = 128 + columns * np.cos(direction) + rows * np.sin(direction)
    grey = ramp.round().astype(np.uint8)
    keypoint = Keypoints(*(np.array(v, np.float32) for v in ([[60, 60]], [3], [1])))
    (angle,) = orient(Wavelets(grey), keypoint)
    assert np.angle(np.exp(1j * (angle - direction))) == pytest.approx(0, abs=np.radians(3))


def test_the_strongest_window_wins():
    """Sums over a sixth of the circle, past its end, too."""
    histograms = np.zeros((2, 72))
    histograms[0, [3, 14, 15]] = 1, 2, 4
    histograms[1, [70, 9]] = 1, 2
    windows = surf._windows(histograms)
    assert windows[0, [2, 3, 4, 14, 15, 16]].tolist() == [1, 3, 6, 6, 4, 0]
    assert windows[1, [70, 71, 9, 10]].tolist() == [3, 2, 2, 0]


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_change_nothing(drawings, turns):
    """The same keypoints, turned, with the same descriptors."""
    shares = []
    for drawing in drawings[:5]:
        grey = cv2.cvtColor(drawing, cv2.COLOR_RGB2GRAY)
        keypoints, angles, descriptors = described(grey)
        x, y = keypoints.points.T
        width, height = grey.shape[1], grey.shape[0]
        for _ in range(turns):
            x, y, width, height = y, width - 1 - x, height, width
        turned, turned_angles, turned_descriptors = described(np.rot90(grey, turns).copy())
        apart = np.hypot(x[:, None] - turned.points[:, 0], y[:, None] - turned.points[:, 1])
        apart += 100 * np.abs(np.log(keypoints.scales[:, None] / turned.scales))
        same = apart.argmin(axis=1)
        assert (apart.min(axis=1) < 0.1).mean() > 0.97
        off = np.exp(1j * (angles - turns * np.pi / 2 - turned_angles[same]))
        cosines = (descriptors * turned_descriptors[same]).sum(axis=1)
        shares.append(((np.abs(np.angle(off)) < 0.1) & (cosines > 0.9)).mean())
    assert np.mean(shares) > 0.95


def test_other_turns_change_little(drawings):
    """By 33°, most descriptors find their own among all."""
    grey = cv2.cvtColor(drawings[2], cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 33, 1)
    matrix[:, 2] += 40
    turned = cv2.warpAffine(grey, matrix, (width + 80, height + 80), borderValue=255)
    keypoints, _, descriptors = described(grey)
    others, _, other_descriptors = described(turned, limit=400)
    there = keypoints.points @ matrix[:, :2].T + matrix[:, 2]
    nearest = (descriptors @ other_descriptors.T).argmax(axis=1)
    apart = np.linalg.norm(there - others.points[nearest], axis=1)
    assert (apart < keypoints.scales).mean() > 0.5


def test_descriptors_are_units(drawings):
    """Sixty-four numbers; the sums of magnitudes are at least the magnitudes of sums."""
    grey = cv2.cvtColor(drawings[0], cv2.COLOR_RGB2GRAY)
    _, _, descriptors = described(grey)
    assert descriptors.shape[1] == DIMS
    assert np.linalg.norm(descriptors, axis=1) == pytest.approx(1, abs=1e-5)
    cells = descriptors.reshape(-1, 16, 4)
    assert (cells[..., 2:] >= np.abs(cells[..., :2]) - 1e-6).all()


def test_the_strongest_come_first(drawings):
    """A limit keeps those, and a threshold none below it."""
    grey = cv2.cvtColor(drawings[0], cv2.COLOR_RGB2GRAY)
    every, few = (detect(grey, limit=limit, threshold=1) for limit in (1000, 40))
    assert np.array_equal(few.points, every.points[:40])
    assert (np.diff(every.responses) <= 0).all()
    strong = detect(grey, limit=1000, threshold=(bound := float(every.responses[20])))
    assert np.array_equal(strong.points, every.points[every.responses > bound])
