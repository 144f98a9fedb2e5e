"""docs/fusion.md, its plots, and the JSON that they are made of."""

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from triptych.core.errors import InvalidInput
from triptych.evaluation.page import files
from triptych.evaluation.page.numbers import gained, number, table
from triptych.evaluation.page.plots import pictures
from triptych.evaluation.significance import LEVEL
from triptych.evaluation.svg import HeatMap, Line, Plot, heat_maps, plots

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / files.PAGE).read_text("utf-8")
NETWORKS = ("convolution", "recurrent", "attention")


@pytest.fixture(scope="module")
def known():
    """What was measured."""
    return files.read(DOCS)


def test_the_figures_are_those_of_the_json(known):
    """So none can be changed by hand, or be of another run."""
    assert files.filled(PAGE, known) == PAGE, "triptych evaluate fusion --write docs --only page"
    assert sorted(files.regions(PAGE)) == sorted(files.REGIONS)


def test_the_plots_are_those_of_the_json(known):
    """And each is shown on the page."""
    for name, picture in pictures(known).items():
        assert (DOCS / files.IMAGES / name).read_text("utf-8") == picture
        assert f"]({files.IMAGES}/{name})" in PAGE


def test_the_claims_by_hand_are_true(known):
    """What stands at the top of the page without figures."""
    groups = [one for one in known["patterns"]["groups"] if "p" in one]
    sure = [one for one in groups if one["p"] < LEVEL]
    assert not [one for one in sure if one["cells"] == "every cell" and one["gain"] > 0]
    beside = [
        one
        for one in sure
        if one["way"] in {f"block + {name}" for name in NETWORKS} and not one["words"]
    ]
    assert {one["cells"] for one in beside} == {"no part"}
    assert len(beside) == 8
    assert all(one["gain"] > 0 for one in beside)
    means = [one for one in groups if one["way"] == "mean" and one["cells"] == "every cell"]
    assert all(one["p"] < LEVEL and one["gain"] < 0 for one in means)
    assert len(means) == 6


def test_the_claims_of_tuning_are_true(known):
    """Few judgements lose, many gain little; ``auto`` gains more where parts add."""
    tuned = known["judgements"]
    for size in (5, 10, 20):
        gains = [one["over_default"] for one in tuned if one["judged"] == size]
        assert np.mean([value for value, _, _ in gains]) < 0
        assert not [low for _, low, _ in gains if low > 0]
    whole = {one["kind"]: one for one in tuned
             if (one["set"], one["gallery"]) == ("composed emoji", "whole")}  # fmt: skip
    for kind in ("compose", "trap"):  # the last of each is tuned on all
        assert whole[kind]["judged"] == whole[kind]["pool"]
        assert whole[kind]["over_default"][0] < 0.01
        assert whole[kind]["auto"] - whole[kind]["default"] > 0.04


def test_what_can_not_be_filled_in_is_an_error(known):
    """With the name that is wrong, or what is missing."""
    region = "<!-- made: {} -->\n<!-- end -->"
    with pytest.raises(InvalidInput, match="no region 'rows'; there are takeaway"):
        files.filled(region.format("rows"), known)
    with pytest.raises(InvalidInput, match="'patterns' is not in fusion"):
        files.filled(region.format("sum"), {})


def test_numbers_are_short():
    """Without the zero before the point; a minus is a minus."""
    assert [number(value) for value in (0.4424, 1.0, 0.0, -0.02, -0.0001, None)] == [
        ".442", "1", "0", "−.020", "0", "–",
    ]  # fmt: skip
    assert [gained(value) for value in (0.042, -0.02, 0.0)] == ["+.042", "−.020", "0"]
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_json_is_read_as_it_was_written(tmp_path):
    """A line for each entry of a list of objects."""
    value = {"a": {"b": [{"c": 1.5}, {"c": None}], "d": [1, 2]}, "e": "é", "f": []}
    files.write_json(tmp_path, value)
    assert files.read(tmp_path) == value
    assert '{"c":1.5},\n{"c":null}' in (tmp_path / files.JSON).read_text("utf-8")


def test_a_heat_map_says_its_values():
    """As text, with a title and a description; more is deeper."""
    picture = heat_maps("A & b", "What", [HeatMap("m", [[0.5, None], [1.0, 0.0]])], ["x", "y"])
    root = ET.fromstring(picture)  # noqa: S314
    texts = [one.text for one in root.findall(".//{*}text")]
    assert [one.text for one in (root[0], root[1])] == ["A & b", "What"]
    assert texts[-4:] == [".50", "–", "1", "0"]
    depths = [float(one.attrib["fill-opacity"]) for one in root.findall(".//{*}rect")]
    assert depths[2] > depths[0] > depths[1] == depths[3] == 0


def test_a_plot_puts_values_between_its_limits():
    """The higher the value, the higher the point; bounds are drawn; what is missing is not."""
    line = Line("way", [(0.2, 0.1, 0.3), None, (0.8, 0.7, 0.9)])
    picture = plots("t", "d", [Plot("p", ["a", "b", "c"], [line])], [(0.0, 1.0)])
    root = ET.fromstring(picture)  # noqa: S314
    first, second = [float(one.attrib["cy"]) for one in root.findall(".//{*}circle")]
    assert first > second
    bars = [one for one in root.findall(".//{*}line") if "stroke" in one.attrib]
    assert len(bars) == 2
    assert float(bars[0].attrib["y1"]) > first > float(bars[0].attrib["y2"])
    assert "way" in {one.text for one in root.findall(".//{*}text")}
