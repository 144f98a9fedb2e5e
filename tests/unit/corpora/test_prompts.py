"""The prompts of Asterisk."""

from triptych.corpora.prompts import lines

TEXTS = """; Core Asterisk Sounds in English

activated: Activated.
ascending-2tone: [ascending tones]
confbridge-join: <beep ascending>
letters/at: at [@]
silence/1: (1 second of silence)
vm-intro: Please leave your message: after the tone.  (simple tone sound plays)
"""


def test_what_is_said():
    """Remarks in brackets are not said; what is nothing else is no speech."""
    assert lines(TEXTS) == {
        "activated": "Activated.",
        "ascending-2tone": "",
        "confbridge-join": "",
        "letters/at": "at",
        "silence/1": "",
        "vm-intro": "Please leave your message: after the tone.",
    }
