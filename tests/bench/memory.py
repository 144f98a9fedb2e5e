"""Memory of each part of the stack after an ingest and a few searches."""

from tests.bench.figures import Figure, emit
from tests.bench.processes import resident_bytes
from tests.bench.queries import MIXES, make_queries
from tests.bench.setting import Setting

from triptych.local import PART_NAMES

_SEARCHES = 10


def run(setting: Setting) -> None:
    """Ingest everything, search a little, look."""
    collection = setting.stamps
    for parts in MIXES.values():
        for query in make_queries(setting, parts, _SEARCHES):
            setting.client.search(collection, query.fields, query.media)
    for part in PART_NAMES:
        size = resident_bytes(setting.stack, part) / 2**20
        emit(Figure(f"memory.{part}", size, None, None, "MiB"))
