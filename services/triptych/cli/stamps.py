"""The demonstration on the Tux Paint stamps: all of them, and five questions."""

from pathlib import Path

from triptych.cli.corpus import Corpus, Question
from triptych.corpora.tuxpaint import fetch, lines


def corpus() -> Corpus:
    """All stamps and five questions. Raises CorpusUnavailable."""
    stamps = fetch()
    return Corpus("Tux Paint stamps", stamps, list(lines(stamps)), questions(stamps))


def questions(stamps: Path) -> list[Question]:
    """Five questions: a word, a meaning, a picture, a sound, words with a picture."""
    from triptych.cli.variations import mirrored_crop, second_half

    picture = stamps / "animals/mammals/cats/tiger.png"
    sound = stamps / "animals/mammals/elephant.ogg"
    duck = stamps / "animals/birds/drake.png"
    return [
        Question("a word: «elephant»", "animals/mammals/elephant", text="elephant", within=1),
        Question(
            "a word that is in no caption, but meant by some: «automobile»",
            "vehicles/auto/",
            text="automobile",
            within=1,
        ),
        Question(
            "a picture: a tiger, mirrored and cropped",
            "animals/mammals/cats/tiger",
            media={"image": mirrored_crop(picture.read_bytes())},
            within=1,
        ),
        Question(
            "a sound: the second half of an elephant's call, more quietly",
            "animals/mammals/elephant",
            media={"audio": second_half(sound.read_bytes())},
            within=1,
        ),
        Question(
            "words and a picture: «penguin», looking like this drake",
            "animals/birds/",
            text="penguin",
            media={"image": mirrored_crop(duck.read_bytes())},
            within=1,
        ),
    ]
