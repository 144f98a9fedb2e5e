"""Which emoji take part."""

import json

import pytest

from triptych.corpora.emoji import emoji, is_plain, tagged


@pytest.mark.parametrize(
    ("code", "category", "plain"),
    [
        ("1F600", "Smileys & Emotion", True),
        ("2764-FE0F", "Smileys & Emotion", True),
        ("1F1E9-1F1EA", "Flags", False),
        ("1F3F4", "Flags", False),
        ("1F3FB", "Component", False),
        ("1F468-200D-1F4BB", "People & Body", False),
        ("0031-FE0F-20E3", "Symbols", False),
    ],
)
def test_a_plain_emoji_is_one_code_point(code, category, plain):
    """Neither flags nor skin tones nor sequences."""
    assert is_plain(code, category) is plain


def test_only_what_both_vendors_draw(tmp_path):
    """In an order that does not depend on the file's."""
    facts = [
        {
            "unified": code,
            "name": code,
            "image": f"{code.lower()}.png",
            "category": "Objects",
            "has_img_google": True,
            "has_img_twitter": code != "1F601",
        }
        for code in ("1F600", "1F601", "1F602", "1F603")
    ]
    orders = []
    for order in (facts, facts[::-1]):
        (tmp_path / "emoji.json").write_text(json.dumps(order))
        drawn = emoji({"google": tmp_path, "twitter": tmp_path})
        orders.append([entry.code for entry in drawn])
    assert orders[0] == orders[1]
    assert sorted(orders[0]) == ["1F600", "1F602", "1F603"]
    assert drawn[0].pictures["twitter"].parent == tmp_path / "img" / "twitter" / "64"


def test_tags_are_found_whatever_the_code_is_written_like(tmp_path):
    """With and without variation selectors; what lacks a kind, tags or a picture is left out."""
    drawn = {"category": "Objects", "image": "x.png"}
    for vendor, codes in (
        ("google", ("2764-FE0F", "1F600", "1F601")),
        ("twitter", ("2764", "1F600")),
    ):
        (tmp_path / vendor).mkdir()
        facts = [{**drawn, "unified": code, f"has_img_{vendor}": True} for code in codes]
        (tmp_path / vendor / "emoji.json").write_text(json.dumps(facts))
    english = tmp_path / "tags" / "en"
    english.mkdir(parents=True)
    subgroups = {"subgroups": [{"order": 4, "key": "heart"}]}
    (english / "messages.json").write_text(json.dumps(subgroups))
    tags = [
        {"hexcode": "2764", "label": "red heart", "tags": ["love"], "subgroup": 4},
        {"hexcode": "1F600", "label": "grin", "tags": [], "subgroup": 4},
        {"hexcode": "1F601", "label": "beam", "tags": ["eyes"], "subgroup": 4},
        {"hexcode": "1F602", "label": "joy", "tags": ["tears"], "subgroup": 9},
    ]
    (english / "data.json").write_text(json.dumps(tags))
    folders = {vendor: tmp_path / vendor for vendor in ("google", "twitter")}
    (heart,) = tagged(folders, tmp_path / "tags")
    assert (heart.code, heart.name, heart.tags, heart.kind) == (
        "2764",
        "red heart",
        ("love",),
        "heart",
    )
    assert heart.pictures["twitter"] == tmp_path / "twitter" / "img" / "twitter" / "64" / "x.png"
