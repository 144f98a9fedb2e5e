"""What every search index must do alike: words, and the scores that they have."""

from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest

from contract.documents import (
    features,
    fuzzy,
    look_up,
    make,
    phrase,
    prefix,
    random_block,
    total,
    word,
    write,
)
from support import layout
from triptych.core.errors import NotFound
from triptych.fusion.query import WEIGHTS, fuse_query
from triptych.fusion.scores import score
from triptych.fusion.signals import Candidate
from triptych.index import SearchIndex
from triptych.index.documents import parts
from triptych.index.model import (
    LABELLED,
    MAX_CLAUSES,
    Clause,
    Condition,
    IndexQuery,
    Versioned,
    Words,
)
from triptych.text.analysis import terms

TEXTS = """
en The black cat sleeps on the old red sofa
en Two black cats and a dog
en A dog barks at the cat, and the cat runs from the dog
en An elephant drinks water at the river
en Elephants remember the river, the old river
en New York is a city; New York never sleeps
en York is an old city in the north of England, and the new station is by the river
en A red piano in an old house
en Pianists play pianos, pianissimo
en The cat, the cat, the cat
en Rivers run to the sea
en I saw the sea in winter, and snow on the sea
en Snow falls on the old house
en ha ha ha
en This sentence is longer than the others, so that the length of a text counts: a cat, a dog, a
en house, a river, the sea, the snow, a piano, an elephant, and nothing that is not elsewhere
de Die schwarze Katze schläft auf dem alten Sofa
de Der Hund bellt, die Katzen laufen davon
de Ein Elefant trinkt Wasser am Fluss
de Elefanten vergessen den Fluss nicht
de Das alte Haus am Meer, im Winter liegt Schnee
de Das Klavier steht im Haus
de Katze und Hund, Hund und Katze
de Der Fluss fließt ins Meer
fr Le chat noir dort sur le vieux canapé
fr Les chats et le chien courent vers la mer
fr L'éléphant boit de l'eau dans la rivière
fr La vieille maison au bord de la mer
fr Il neige sur la maison, il neige sur la mer
fr Le piano rouge de la vieille maison
es El gato negro duerme en el sofá viejo
es Los gatos y el perro corren hacia el mar
es El elefante bebe agua en el río
es La casa vieja junto al mar en invierno
es Nieva sobre el mar y sobre la casa
ru Чёрный кот спит на старом диване
ru Коты и собака бегут к морю
ru Слон пьёт воду у реки
ru Старый дом у моря зимой
ru Снег идёт над морем, снег идёт над домом
ja 黒猫がソファで寝ている
ja 猫と犬が走っている
ja 象が川で水を飲む
ja 冬の海と古い家
ja 海に雪が降る、家に雪が降る
zh 黑猫在旧沙发上睡觉
zh 猫和狗跑向大海
zh 大象在河边喝水
zh 冬天海边的老房子
ko 검은 고양이가 소파에서 잔다
ko 고양이와 개가 바다로 달린다
ko 코끼리가 강에서 물을 마신다
ar القطة السوداء تنام على الأريكة القديمة
ar القطط والكلب يركضون نحو البحر
ar الفيل يشرب الماء من النهر
it Il gatto nero dorme sul vecchio divano
it L'elefante beve l'acqua del fiume
pt O gato preto dorme no sofá velho
pt O elefante bebe água no rio
sv Den svarta katten sover på den gamla soffan
"""


def corpus() -> list[Versioned]:
    """Every third has speech, every fourth writing, and one of these not even a text."""
    rng = np.random.default_rng(3)
    lines = [line.split(" ", 1) for line in TEXTS.strip().splitlines()]
    documents = []
    for number, (language, text) in enumerate(lines):
        spoken = lines[-number][1] if number % 3 == 0 else None
        written = lines[(7 * number) % len(lines)][1][:30] if number % 4 == 0 else None
        fields = {"text": text, "transcript": spoken, "writing": written}
        found = {name: " ".join(terms(value)) for name, value in fields.items() if value}
        found["text"] = " ".join(terms(text, language))
        documents.append(
            make(
                f"{number:02}",
                parts=rng.choice(["text", "text image", "text audio", "text image audio"]),
                text=text,
                words=found,
                language=language,
                transcript={"text": spoken, "segments": []} if spoken else None,
                writing={"text": written, "lines": []} if written else None,
                metadata={"n": number},
            )
        )
    return documents


DOCUMENTS = corpus()


@pytest.fixture(scope="module")
def texts(index: SearchIndex) -> Iterator[str]:
    """A collection with the texts above, which no test changes."""
    with suppress(NotFound):
        index.drop("texts")
    index.ensure("texts")
    write(index, "texts", DOCUMENTS)
    yield "texts"
    index.drop("texts")


QUERIES = {
    "word": [word("cat")],
    "words": [word("cat"), word("dog"), word("river")],
    "rare and frequent": [word("pianissimo"), word("old")],
    "stems": [word("katz", "katze"), word("hund")],
    "stems of several fields": [word("chat", "cat"), word("mer", "mar", "sea")],
    "accents": [word("elefant", "elephant")],
    "russian": [word("кот"), word("мор", "море")],
    "pairs": [word("猫"), word("黒猫"), word("寝て")],
    "korean": [word("고양"), word("양이")],
    "arabic": [word("قط"), word("فيل")],
    "twice": [word("cat"), word("cat"), word("dog")],
    "text only": [word("cat", fields=("text",)), word("sea", fields=("text",))],
    "speech": [word("cat", fields=("transcript",))],
    "writing": [word("dog", fields=("writing",)), word("river", fields=("text", "writing"))],
    "word or phrase": [word("zebra", plain=("new", "york")), word("cat", plain=("the", "sea"))],
    "phrase as a word": [word(plain=("the",)), word("york", plain=("an", "old", "city"))],
    "phrase": [phrase("new york")],
    "phrase of three": [phrase("the old river")],
    "phrase twice in a text": [phrase("the cat")],
    "phrase of one word": [phrase("cat")],
    "phrase that overlaps itself": [phrase("ha ha")],
    "phrase of single characters": [phrase("黒 猫"), phrase("寝 て い る")],
    "phrase in speech": [phrase("the sea", fields=("transcript",)), phrase("la maison")],
    "prefix": [prefix("pian")],
    "prefix of other letters": [prefix("слон"), prefix("ele")],
    "prefix, a whole word": [prefix("cat"), prefix("river", fields=("writing",))],
    "fuzzy": [fuzzy("elefant", 1)],
    "fuzzy, two": [fuzzy("elefant", 2)],
    "fuzzy, swapped": [fuzzy("rievr", 1), fuzzy("piaon", 1)],
    "fuzzy, first letter": [fuzzy("kat", 1), fuzzy("cta", 1)],
    "fuzzy, short": [fuzzy("a", 1), fuzzy("he", 2), fuzzy("猫", 1)],
    "mixed": [word("cat"), phrase("new york"), prefix("pian"), fuzzy("slepes", 2)],
    "nowhere": [word("zebra"), phrase("cat york"), prefix("zeb"), fuzzy("zzzzzz", 2)],
    "as many as are labelled": [word(w) for w in ["cat", "dog", "sea", "old"] * (LABELLED // 4)],
}


@pytest.mark.parametrize("name", QUERIES)
def test_scores_are_those_of_the_formula(index: SearchIndex, texts: str, name: str):
    """The same items, the same sum, the same part of each word, for each kind of clause."""
    clauses = QUERIES[name]
    expected = total(clauses, DOCUMENTS)
    found = look_up(index, texts, *clauses)
    assert {f.candidate.id: f.candidate.keyword for f in found} == pytest.approx(expected, rel=1e-5)
    assert name == "nowhere" or found
    for label in {clause.label for clause in clauses}:
        part = total([clause for clause in clauses if clause.label == label], DOCUMENTS)
        ours = {
            f.candidate.id: f.candidate.words[label] for f in found if label in f.candidate.words
        }
        assert ours == pytest.approx(part, rel=1e-5)
    assert all(f.candidate.words for f in found)


def test_the_best_by_words_are_returned(index: SearchIndex, texts: str):
    """As many as asked for, equals by id, of a total that counts all."""
    clauses = [word("cat"), word("old"), word("sea"), prefix("e")]
    expected = total(clauses, DOCUMENTS)
    order = sorted(expected, key=lambda item_id: (-round(expected[item_id], 4), item_id))
    assert len(order) > 20
    for candidates in (1, 5, 12):
        found = look_up(index, texts, *clauses, candidates=candidates)
        assert [f.candidate.id for f in found] == order[:candidates]
    request = IndexQuery(Words(clauses), candidates=3)
    results = index.search(texts, request)
    assert (results.total, results.total_is_exact) == (len(order), True)


@pytest.mark.parametrize(
    ("required", "excluded"),
    [
        ([word("dog")], []),
        ([], [word("dog")]),
        ([phrase("the cat"), prefix("ha", fields=("text", "writing"))], []),
        ([fuzzy("riverr", 1)], [word("cat"), phrase("the sea")]),
        ([word("zebra")], []),
    ],
)
def test_required_and_excluded_words(index: SearchIndex, texts: str, required, excluded):
    """They filter words and neighbours, and change no score."""
    every = {entry.document["id"] for entry in DOCUMENTS}
    allowed = every.intersection(*(total([clause], DOCUMENTS) for clause in required))
    allowed -= set().union(*(total([clause], DOCUMENTS) for clause in excluded))
    words = Words([word("cat"), word("old")], required, excluded)
    scores = {k: v for k, v in total(words.should, DOCUMENTS).items() if k in allowed}
    found = index.search(texts, IndexQuery(words)).matches
    assert {f.candidate.id: f.candidate.keyword for f in found} == pytest.approx(scores, rel=1e-5)

    fused = fuse_query({"text": {"semantic": random_block("semantic")}}, WEIGHTS, layout())
    request = IndexQuery(Words((), required, excluded), fused.presence_classes())
    found = index.search(texts, request).matches
    assert {f.candidate.id for f in found} == allowed
    assert {f.candidate.keyword for f in found} <= {None}


@pytest.mark.parametrize("method", ["auto", "linear", "product", "rrf", "dbsf"])
def test_the_final_order_is_that_of_exact_scores(index: SearchIndex, texts: str, method):
    """Words and vectors together, over every item that either of them finds."""
    clauses = [word("cat"), word("dog"), phrase("the sea"), prefix("riv"), fuzzy("elefant", 1)]
    query = fuse_query(
        {
            "text": {"semantic": features(DOCUMENTS[3], "semantic")},
            "image": {"visual": random_block("visual"), "concept": random_block("concept")},
        },
        WEIGHTS,
        layout(),
        negative={"text": {"semantic": features(DOCUMENTS[8], "semantic")}},
        words=[clause.label for clause in clauses],
    )
    sums = total(clauses, DOCUMENTS)
    words = {clause.label: total([clause], DOCUMENTS) for clause in clauses}
    expected = [
        Candidate(
            (name := entry.document["id"]),
            parts(entry.document),
            sums.get(name),
            {label: found[name] for label, found in words.items() if name in found},
            np.asarray(entry.document["vector"], np.float16),
        )
        for entry in DOCUMENTS
    ]
    request = IndexQuery(Words(clauses), query.presence_classes())
    found = [f.candidate for f in index.search(texts, request).matches]
    ours, theirs = score(query, found, method), score(query, expected, method)
    assert [found[s.index].id for s in ours] == [expected[s.index].id for s in theirs]
    assert [s.score for s in ours] == pytest.approx([s.score for s in theirs], abs=1e-5)


def test_labels_may_be_anything(index: SearchIndex, texts: str):
    """Also what the index might take for a name of its own; those of equal name are added."""
    labels = ["keyword", "0", "1", "cat dog", "*", "", "猫", "x" * 1000, "cat dog"]
    clauses = [Clause(label, "word", ("cat",)) for label in labels]
    clauses.append(Clause("none", "word", ("zebra",)))
    found = look_up(index, texts, *clauses)[0].candidate
    assert set(found.words) == set(labels)
    assert found.words["cat dog"] == pytest.approx(2 * found.words["0"])
    assert found.keyword == pytest.approx(9 * found.words["0"])


def test_of_many_words_the_first_are_named(index: SearchIndex, texts: str):
    """The others count as well, up to a bound."""
    fillers = [word(f"zz{n}") for n in range(40_000)]
    clauses = [*fillers[: LABELLED - 1], word("cat"), word("dog"), *fillers]
    clauses[MAX_CLAUSES - 1 : MAX_CLAUSES + 1] = [word("sea"), word("old")]
    found = look_up(index, texts, *clauses)
    expected = total([word("cat"), word("dog"), word("sea")], DOCUMENTS)
    assert {f.candidate.id: f.candidate.keyword for f in found} == pytest.approx(expected, rel=1e-5)
    assert set().union(*(f.candidate.words for f in found)) == {"cat"}


def test_as_many_words_as_there_may_be(index: SearchIndex, texts: str):
    """Each with as many stems and fields as a word has."""
    clauses = [word(f"a{n}", f"b{n}", f"c{n}") for n in range(MAX_CLAUSES - 1)]
    assert len(look_up(index, texts, *clauses, word("pianissimo"))) == 1


def test_every_near_word_counts(index: SearchIndex, collection: str):
    """However many different ones there are."""
    letters = "abcdefghijkl"
    near = [f"b{one}{other}" for one in letters for other in letters]
    write(index, collection, [make(text, text=text, words={"text": text}) for text in near])
    for clause in (fuzzy("bzz", 2), prefix("b")):
        found = look_up(index, collection, clause, candidates=200)
        assert {f.candidate.id for f in found} == set(near)
    required = Words([prefix("b")], must=[fuzzy("bzz", 2)], must_not=[prefix("ba")])
    results = index.search(collection, IndexQuery(required, candidates=200))
    assert len(results.matches) == len(near) - len(letters)


@pytest.mark.parametrize(
    "clause",
    [
        Clause("", "word", ()), Clause("", "phrase", ()), Clause("", "prefix", ()),
        word("cat", fields=()), word(""), prefix("ca" * 100), fuzzy("y" * 64, 2), word("\0"),
        phrase("\0 cat"), word("a" * 64), phrase("a " * 200), word("\U0010ffff"), prefix("*"),
        fuzzy("ca?", 0), word("cat OR dog"), word("_exists_"),
    ],
)  # fmt: skip
def test_odd_words_are_not_found(index: SearchIndex, texts: str, clause: Clause):
    """Neither are they an error, nor anything but words."""
    assert not look_up(index, texts, clause)
    assert len(look_up(index, texts, clause, word("pianissimo"))) == 1


def test_without_words_and_vectors_there_is_nothing(index: SearchIndex, texts: str):
    """A search is no listing, whatever it may be limited to."""
    for request in (
        IndexQuery(),
        IndexQuery(filter=[Condition("language", any_of=("en",))]),
        IndexQuery(Words(must=[word("cat")], must_not=[word("dog")])),
    ):
        results = index.search(texts, request)
        assert (list(results.matches), results.total) == ([], 0)
