"""The scenarios of ``make chaos`` that cover most, with fewer items."""

from collections.abc import Iterator

import pytest

from chaos.all_scenarios import SCENARIOS
from chaos.playing import Theatre

_ITEMS = 500


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """One stack for all of them."""
    with Theatre(tmp_path_factory.mktemp("chaos")) as opened:
        yield opened


@pytest.mark.parametrize("name", ["killed_workers", "emptied_redis", "unmounted_store"])
def test_nothing_is_lost(theatre: Theatre, name: str):
    """Nor doubled, stuck, counted wrongly or left over."""
    judgement = theatre.play(SCENARIOS[name], _ITEMS).judgement
    assert judgement.problems == ()
    assert judgement.accepted == judgement.indexed > 0
