"""Words that are nearly the same."""

from rapidfuzz.distance import OSA


def is_near(word: str, term: str, edits: int) -> bool:
    """Whether two words have the same first letter and are at most so many edits apart.

    An edit is a letter that is wrong, left out, added, or swapped with the next: the optimal string
    alignment distance, as Lucene's FuzzyQuery with a prefix of one letter has it.
    """
    return word[:1] == term[:1] and OSA.distance(word, term, score_cutoff=edits) <= edits
