"""The sample of captions, without a corpus."""

from triptych.evaluation.translations import split

CAPTIONS = [
    *({"en": f"thing {i}", "de": f"Ding {i}", "fr": f"chose {i}"} for i in range(20)),
    {"en": "thing 0", "de": "Ding Null", "fr": "chose zéro"},
    {"en": "no French", "de": "kein Französisch"},
]


def test_each_english_caption_is_there_once():
    """Else a query would have two right answers, of which one counts as wrong."""
    sample, _ = split(CAPTIONS, ("de", "fr"), count=100)
    english = [each["en"] for each in sample]
    assert sorted(english) == sorted({each["en"] for each in CAPTIONS} - {"no French"})


def test_all_have_a_caption_in_every_language():
    """Else languages would have queries about different stamps."""
    sample, _ = split(CAPTIONS, ("de",), count=100)
    assert "no French" in {each["en"] for each in sample}
    assert all("de" in each for each in sample)


def test_what_is_fitted_on_is_not_asked():
    """Not even another stamp of the same caption."""
    sample, others = split(CAPTIONS, ("de", "fr"), count=8)
    assert len(sample) == 8
    assert not {each["en"] for each in sample} & {each["en"] for each in others}
    assert len(others) >= len(CAPTIONS) - 8 - 1


def test_the_seed_decides():
    """And nothing else."""
    assert split(CAPTIONS, ("de",), count=5) == split(CAPTIONS, ("de",), count=5)
    assert split(CAPTIONS, ("de",), count=5) != split(CAPTIONS, ("de",), count=5, seed=1)
