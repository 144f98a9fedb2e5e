"""Points on the earth, as Lucene keeps and compares them, so that every index finds the same.

A coordinate is kept as a whole number of 32 bits, which is exact to a centimetre
(``org.apache.lucene.geo.GeoEncodingUtils``). Distances are along the surface of a sphere.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

EARTH_RADIUS = 6_371_008.7714
"""Metres: the mean radius of the earth, as Lucene has it (``SloppyMath``)."""
STEPS = {"latitude": 180 / 2**32, "longitude": 360 / 2**32}
"""Degrees from one whole number to the next."""
_MOST = 2**31 - 1


def encoded(name: str, degrees: float) -> int:
    """A ``latitude`` or ``longitude`` as a whole number of 32 bits."""
    return min(math.floor(degrees / STEPS[name]), _MOST)


def kept(name: str, degrees: float) -> float:
    """The latitude or longitude of which the whole number is, at most a centimetre less."""
    return encoded(name, degrees) * STEPS[name]


def point(place: Mapping[str, float]) -> list[float]:
    """A place as GeoJSON has it: longitude, latitude (RFC 7946)."""
    return [place["longitude"], place["latitude"]]


def distances(
    latitude: float,
    longitude: float,
    latitudes: NDArray[np.float64],
    longitudes: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Metres from one point to others (n,), all in degrees: the haversine formula.

    https://en.wikipedia.org/wiki/Haversine_formula
    """
    here, there = np.radians(latitude), np.radians(latitudes)
    north, east = (there - here) / 2, np.radians(longitudes - longitude) / 2
    squared = np.sin(north) ** 2 + np.cos(here) * np.cos(there) * np.sin(east) ** 2
    found: NDArray[np.float64] = 2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.minimum(1.0, squared)))
    return found
