"""An index takes another one's place while others read it, and whoever swaps may be killed."""

import time
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from contract.documents import by, make, others, word
from support import layout
from triptych.index.embedded import EmbeddedIndex
from triptych.index.generations import following
from triptych.index.model import IndexQuery, Listing, Words

SPAWN = get_context("spawn")
ITEMS = 20


def swap_forever(folder: Path, answers) -> None:
    """Turn about, for two kinds of encoders."""
    indexes = [EmbeddedIndex(folder, layout=blocks) for blocks in (others(version=99), layout())]
    while True:
        for index in indexes:
            index.begin("c", index.layout)

            def copy(index: EmbeddedIndex = index) -> None:
                ids = [one["id"] for one in index.list("c", Listing(limit=1000)).documents]
                entries = [by(index.layout, one) for one in index.fetch("c", ids).values()]
                index.bulk(following("c"), entries)

            index.swap("c", copy)
            answers.put(index.origin("c").fingerprint)


def test_a_reader_sees_every_item_at_every_moment(index: EmbeddedIndex, tmp_path: Path):
    """Whenever the one who swaps is killed; and what is written then is not lost."""
    index.bulk("c", [make(f"i{n}") for n in range(ITEMS)])
    query = IndexQuery(Words([word("word")]))
    draw, items = np.random.default_rng(1), ITEMS
    for turn in range(4):
        answers = SPAWN.SimpleQueue()
        process = SPAWN.Process(target=swap_forever, args=(tmp_path, answers), daemon=True)
        process.start()
        try:
            assert answers.get()
            until, looks = time.monotonic() + float(draw.uniform(0.1, 0.6)), 0
            while time.monotonic() < until:
                assert index.count("c") == {"indexed": items}
                assert index.search("c", query).total == items
                assert index.get("c", "i7")["id"] == "i7"
                looks += 1
        finally:
            process.kill()
            process.join()
        assert looks
        index.bulk("c", [make(f"later{turn}")])
        items += 1
        assert index.count("c") == {"indexed": items}
    with closing(EmbeddedIndex(tmp_path, layout=layout())) as opened:
        opened.abandon("c")
        assert opened.count("c") == {"indexed": items}
