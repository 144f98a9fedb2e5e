"""Words that are nearly the same."""


def is_near(term: str, word: str, edits: int) -> bool:
    """Whether the first letters are the same and the rest differs by at most so many edits."""
    if term[0] != word[0] or abs(len(term) - len(word)) > edits:
        return False
    return distance(term[1:], word[1:]) <= edits


def distance(one: str, other: str) -> int:
    """Letters left out, added, wrong, or swapped with the next (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one):
        row = [i + 1]
        for j, wanted in enumerate(other):
            cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (letter != wanted))
            if i and j and letter == other[j - 1] and one[i - 1] == wanted:
                cost = min(cost, before[j - 1] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]
