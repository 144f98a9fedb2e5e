"""JSON that may come from anybody."""

import json
import math

import pytest

from triptych.core.errors import InvalidInput
from triptych.core.strict_json import read_object, read_value


def test_what_it_says():
    """Names and values as any reader of JSON has them."""
    value = {"a": [1, 2.5, None, True, "ü"], "b": {"c": {}}}
    assert read_object(json.dumps(value).encode(), "body") == value
    assert read_value("[1]") == [1]


def test_what_models_judge_passes():
    """They can tell in which field it is."""
    found = read_object(b'{"a": NaN, "b": "\\ud800"}', "body")
    assert math.isnan(found["a"])
    assert found["b"] == "\ud800"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "line 7 is not JSON: "),
        (b"", "line 7 is not JSON: "),
        (b"[" * 100_000, "line 7 is not JSON: it is nested too deeply"),
        (b"[]", "line 7 is not a JSON object"),
        (b'"\xff"', "line 7 is not UTF-8: byte 1"),
    ],
)
def test_what_is_no_object_is_refused(data, reason):
    """By what the caller calls it."""
    with pytest.raises(InvalidInput) as caught:
        read_object(data, "line 7")
    assert caught.value.reason.startswith(reason)
    assert caught.value.field == "line 7"


def test_a_name_given_twice_is_refused():
    """However deep, and named."""
    with pytest.raises(InvalidInput, match="body: 'x' is given twice") as caught:
        read_object(b'{"a": [{"x": 1, "y": 2, "x": 3}]}', "body")
    assert caught.value.field == "x"


@pytest.mark.parametrize(
    "text",
    [
        "{" + ",".join(f'"{number}":0' for number in range(1001)) + "}",
        "[" + ",".join("0" * 1_000_002) + "]",
        "{" + ",".join(['"same":0'] * 300_000) + "}",
    ],
    ids=["names", "values", "one name"],
)
def test_too_much_is_refused(text):
    """Before a model looks at it, and without a look at each name for each other."""
    with pytest.raises(InvalidInput, match=r"accepted|more than"):
        read_value(text)
    with pytest.raises(InvalidInput) as caught:
        read_object(b'{"deep": ' + text.encode() + b"}", "body")
    assert caught.value.field == "body"


def test_a_long_text_is_no_long_list():
    """A million commas are few enough for the texts of a query."""
    assert read_value('"' + "," * 800_000 + '"') == "," * 800_000
