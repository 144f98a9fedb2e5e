"""What ``triptych add`` tells of large archives."""

import pytest

from triptych.cli.add import _tell_large, _title
from triptych.client import Adding, AddReport, Client

MIB = 2**20


def test_the_bar_tells_of_archives_while_they_are_sent():
    """They have no items before they have arrived."""
    assert _title(AddReport()) == "Adding"
    assert _title(AddReport(sent_bytes=3 * MIB, large_bytes=3000 * MIB)) == "Sending 3 of 3,000 MiB"
    assert _title(AddReport(sent_bytes=3 * MIB, large_bytes=3 * MIB)) == "Adding"


def test_an_interrupt_tells_how_far_archives_are(capsys: pytest.CaptureFixture[str]):
    """But for those that have arrived."""
    with Client("http://nowhere") as client:
        adding = Adding(client, "c", [])
    adding.large = {"a.zip": (3 * MIB, 3000 * MIB), "b.zip": (MIB, MIB)}
    _tell_large(adding)
    assert capsys.readouterr().err == "a.zip: 3 of 3,000 MiB are sent, and kept for a while\n"
