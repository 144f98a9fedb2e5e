"""All scenarios, in the order of the table."""

from chaos import on_workers, on_redis, on_index, on_store, on_order, on_clients  # noqa: F401, I001
from chaos.scenarios import SCENARIOS

__all__ = ["SCENARIOS"]
