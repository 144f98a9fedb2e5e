"""Points on the earth."""

import numpy as np
import pytest

from triptych.index.places import EARTH_RADIUS, distances, encoded, kept, point


@pytest.mark.parametrize(
    ("name", "degrees", "expected"),
    [
        ("latitude", 0, 0), ("latitude", 90, 2**31 - 1), ("latitude", -90, -(2**31)),
        ("longitude", 180, 2**31 - 1), ("longitude", -180, -(2**31)), ("longitude", 90, 2**30),
        ("latitude", -1e-9, -1), ("latitude", 45, 2**30),
    ],
)  # fmt: skip
def test_coordinates_are_whole_numbers(name: str, degrees: float, expected: int):
    """Rounded down; the ends of the range are in it."""
    assert encoded(name, degrees) == expected


def test_what_is_kept_is_near_and_stays_what_it_is():
    """A centimetre at most, and never more than what was given."""
    rng = np.random.default_rng(0)
    for name, most in (("latitude", 90), ("longitude", 180)):
        for degrees in rng.uniform(-most, most, 200):
            near = kept(name, degrees)
            assert 0 <= np.radians(degrees - near) * EARTH_RADIUS <= 0.01
            assert kept(name, near) == near


def test_distances_are_along_the_surface():
    """Of a sphere: a quarter of it from the equator to a pole, half of it to the other side."""
    half = np.pi * EARTH_RADIUS
    found = distances(0, 0, np.array([0.0, 90, 0, 0, 0]), np.array([0.0, 33, 180, -180, 90]))
    assert found == pytest.approx([0, half / 2, half, half, half / 2])
    (across,) = distances(0, 179.5, np.array([0.0]), np.array([-179.5]))
    assert across == pytest.approx(half / 180)
    (paris,) = distances(48.8566, 2.3522, np.array([51.5074]), np.array([-0.1278]))
    assert paris == pytest.approx(343_556, abs=100)


def test_a_point_has_its_longitude_first():
    """As GeoJSON has it."""
    assert point({"latitude": 1, "longitude": 2}) == [2, 1]
