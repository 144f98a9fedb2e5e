"""Where in a long text the words of a query are looked for."""

from itertools import combinations, product

from triptych.index.model import LABELLED, Clause
from triptych.search.regions import WHOLE, regions
from triptych.search.syntax import parse


def test_many_words_that_are_nearly_the_same():
    """Each of a text is looked up in each stretch, not looked for: that would take minutes."""
    word = "internationalisation"
    variants = " ".join(
        word[:i] + one + word[i + 1 : j] + other + word[j + 1 :]
        for i, j in combinations(range(1, len(word)), 2)
        for one, other in product("bcdfghjkmp", repeat=2)
    )
    asked = [Clause(f"{word}~", "fuzzy", (word,), edits=2)] * LABELLED
    text = variants + " nothing of interest" * 150_000
    found = regions(text, asked)
    assert found[0][0] == 0
    assert found[-1][1] <= len(variants)


def test_the_same_fuzzy_word_twice():
    """Counts as often as it is asked for, and with as many edits."""
    text = "x " * WHOLE + "elephant " + "x " * WHOLE
    for query in ("elefant~ elefant~", "elefant~1 elefant~2", "elephant elefant~2"):
        (found,) = regions(text, parse(query).words.should)
        assert found[0] <= text.index("elephant") < found[1]


def test_words_of_all_kinds_count_together():
    """The stretch with the most comes first: here there is room for no other."""
    lead = ("cat " + "x " * 498) * 40
    text = f"{lead}a cat, an elephant and new york {lead}"
    at = text.index("elephant")
    found = regions(text, parse('cat elefant~2 "new york" eleph*').words.should)
    assert any(start <= at < end for start, end in found)
    assert sum(end - start for start, end in found) <= 2 * WHOLE
