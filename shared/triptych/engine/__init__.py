"""The engine: it indexes items and answers queries, and knows neither HTTP nor queues."""

from triptych.core.settings import Settings
from triptych.engine.engine import Engine

__all__ = ["Engine", "Settings"]
