"""Places as films have them: ``+48.1417+011.5775+520.000/`` (ISO 6709, Annex H)."""

import re

_DEGREES = re.compile(r"([+-]\d{1,2}(?:\.\d{1,12})?)([+-]\d{1,3}(?:\.\d{1,12})?)(?=[+/CT]|-|$)")


def place_of(value: str) -> tuple[float, float] | None:
    """Latitude and longitude in degrees; None for what is written in another way."""
    found = _DEGREES.match(value.strip())
    return (float(found[1]), float(found[2])) if found else None
