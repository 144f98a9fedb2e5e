"""Who is believed: senders, parts of an item, in this order."""

from triptych.core.item import Item, Words
from triptych.ingest.found import adopting, news
from triptych.text.analysis import analyse_each

ITEM = Item("a", fields={"title": "Sent", "language": "de"}, words={"title": "sent"})


def words(text: str) -> Words:
    """Of a text of one word or more."""
    return Words(text, text)


def test_a_sender_counts_more_than_a_file():
    """And so do its words; what only steps know is taken over."""
    found = {"title": "Found", "artist": "Ann", "width": 7, "language": "en"}
    item = adopting(ITEM, [(found, {"title": words("found"), "artist": words("ann")})])
    assert item.fields == {"title": "Sent", "artist": "Ann", "width": 7, "language": "en"}
    assert item.words == {"title": "sent", "artist": "ann"}


def test_of_two_parts_the_first_counts():
    """Lists have the values of both, each once."""
    image = {"title": "Cover", "tags": ["a", "b"], "format": ["jpeg"]}
    audio = {"title": "Song", "artist": "Ann", "tags": ["b", "c"], "format": ["mp3"]}
    item = adopting(
        Item("a"),
        [
            (image, {"title": words("cover"), "tags": words("a b")}),
            (audio, {"title": words("song"), "tags": words("b c"), "artist": words("ann")}),
        ],
    )
    assert item.fields == {
        "title": "Cover",
        "tags": ["a", "b", "c"],
        "format": ["jpeg", "mp3"],
        "artist": "Ann",
    }
    assert item.words == {"title": "cover", "tags": "a b b c", "artist": "ann"}


def test_no_phrase_reaches_from_part_to_part():
    """As none reaches from one tag of a part to the next."""
    one, other = ["red cat"], ["dog house", "sea"]
    parts = [({"tags": tags}, {"tags": analyse_each(tags, "en")}) for tags in (one, other)]
    item = adopting(Item("a", text="x"), parts)
    both = analyse_each([*one, *other], "en")
    assert (item.words["tags"], item.plain["tags"]) == both
    assert item.plain["tags"] == "red cat | dog house | sea"


def test_a_part_whose_tags_have_no_words():
    """Adds none."""
    nothing = ({"tags": ["!"]}, {"tags": Words("", "")})
    some = ({"tags": ["a"]}, {"tags": words("a")})
    for parts in ([nothing, some], [some, nothing]):
        item = adopting(Item("a"), parts)
        assert (item.words["tags"], item.plain["tags"]) == ("a", "a")


def test_sent_tags_stand_alone():
    """A sender who says which there are means these."""
    item = adopting(Item("a", fields={"tags": ["x"]}), [({"tags": ["a"]}, {"tags": words("a")})])
    assert (item.fields["tags"], item.words) == (["x"], {})


def test_the_zone_belongs_to_its_moment():
    """One from elsewhere says nothing."""
    found = {"captured_at": 1, "captured_at_zone": "+02:00"}
    assert news({"captured_at": 5}, found) == {}
    parts = [({"captured_at": 3}, {}), (found, {})]
    assert adopting(Item("a"), parts).fields == {"captured_at": 3}


def test_words_of_a_text():
    """It is no field that is found."""
    assert adopting(Item("a", text="x"), [({}, {"text": words("x")})]).words == {"text": "x"}
