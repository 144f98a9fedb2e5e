"""The writing in pictures, on pictures drawn here."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from triptych.encoders.image import ocr
from triptych.encoders.image.ocr import OCR, SIDE, reading_order
from triptych.encoders.weights import WeightsError


@pytest.fixture(scope="module")
def reader():
    """The recogniser."""
    return OCR()


def sheet(*lines: tuple[str, int, int, float], size: tuple[int, int] = (640, 320)) -> np.ndarray:
    """A white sheet with lines of text, each with its left, its baseline and its size."""
    canvas = np.full((size[1], size[0], 3), 255, np.uint8)
    for text, left, base, scale in lines:
        origin, stroke = (left, base), max(1, round(2 * scale))
        cv2.putText(canvas, text, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, (20, 20, 20), stroke)
    return canvas


PAGE = sheet(
    ("First line", 40, 60, 1.2),
    ("right of it", 380, 54, 1.2),
    ("a smaller second", 40, 130, 0.7),
    ("THIRD 2024", 40, 230, 2.0),
)
LINES = ["First line", "right of it", "a smaller second", "THIRD 2024"]


def text_of(writing):
    """The lines that were read."""
    return [line.text for line in writing.lines]


@pytest.mark.parametrize("scale", [0.4, 0.7, 1.5, 3.0])
def test_letters_of_many_sizes(reader, scale):
    """From ten pixels high to a hundred."""
    width = int(190 * scale) + 40
    [writing] = reader.recognise([sheet(("Quick fox", 20, 110, scale), size=(width, 160))])
    assert text_of(writing) == ["Quick fox"]
    assert writing.lines[0].confidence > 0.9


def test_a_typeface(reader):
    """Drawn by Pillow, light on dark and in colour."""
    picture = Image.new("RGB", (420, 100), (20, 40, 90))
    font = ImageFont.load_default(size=36)
    ImageDraw.Draw(picture).text((30, 25), "Harbour lights 7", (255, 220, 120), font)
    [writing] = reader.recognise([np.asarray(picture)])
    assert writing.text == "Harbour lights 7"


def test_golden_line(reader):
    """Place and confidence of a line of two oranges, for which the order of channels counts.

    The tolerances leave room for other processors; with red and blue swapped, confidence is 0.06
    away and the box 0.04.
    """
    picture = np.full((80, 300, 3), (250, 120, 0), np.uint8)
    cv2.putText(picture, "Red kite", (30, 55), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (250, 120, 60), 3)
    [line] = reader.recognise([picture])[0].lines
    assert line.text == "Red kite"
    assert line.confidence == pytest.approx(0.938, abs=0.02)
    assert line.box[0] == pytest.approx((0.09, 0.2375), abs=0.015)
    assert line.box[2] == pytest.approx((0.6433, 0.8), abs=0.015)


@pytest.mark.parametrize("degrees", [-8, -3, 0, 4, 8])
def test_lines_come_in_the_order_of_reading(reader, degrees):
    """Row by row, from left to right, on a page that lies askew as well."""
    turn = cv2.getRotationMatrix2D((320, 160), degrees, 0.9)
    page = cv2.warpAffine(PAGE, turn, (640, 320), borderValue=(255, 255, 255))
    assert text_of(reader.recognise([page])[0]) == LINES


def test_a_box_is_where_the_line_is(reader):
    """In fractions of the picture, clockwise from the top left, whatever its size."""
    (width, height), _ = cv2.getTextSize("THIRD 2024", cv2.FONT_HERSHEY_SIMPLEX, 2.0, 4)
    for factor in (1, 2):
        page = cv2.resize(PAGE, None, fx=factor, fy=factor)
        (left, top), (right, _), _, (_, bottom) = reader.recognise([page])[0].lines[3].box
        assert left == pytest.approx(40 / 640, abs=0.02)
        assert top == pytest.approx((230 - height) / 320, abs=0.05)
        assert right == pytest.approx((40 + width) / 640, abs=0.03)
        assert bottom == pytest.approx(230 / 320, abs=0.05)


def test_a_picture_without_writing(reader, clock):
    """A drawing, a blank, noise, and a single letter, which may as well be a wheel."""
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    blank = np.full((100, 100, 3), 255, np.uint8)
    letter = sheet(("O", 20, 70, 2.0), size=(90, 90))
    assert reader.recognise([clock, blank, noise, letter]) == [None] * 4


@pytest.mark.parametrize("shape", [(1, 1), (1, 1500), (1500, 1), (5, 5), (31, 31), (20, 3000)])
def test_slivers(reader, shape):
    """Nothing is read in them, and they cost next to nothing."""
    assert reader.recognise([np.zeros((*shape, 3), np.uint8)]) == [None]


def test_a_large_picture_is_scaled_down(reader):
    """To ``side``: large letters are read all the same."""
    page = cv2.resize(PAGE, (SIDE * 3, SIDE * 3 // 2))
    assert text_of(reader.recognise([page])[0]) == LINES


def test_a_batch_is_the_same_as_one_by_one(reader, clock):
    """In order, and the same every time; the pictures stay as they are."""
    batch = [PAGE, clock, sheet(("Other words", 30, 60, 1.0))]
    before = [picture.copy() for picture in batch]
    together = reader.recognise(batch)
    assert together == [reader.recognise([picture])[0] for picture in batch]
    assert [each is None for each in together] == [False, True, False]
    assert all(map(np.array_equal, batch, before))
    assert reader.recognise([]) == []


def test_changed_weights_are_refused(monkeypatch):
    """A model file that is not the one of the card."""
    changed = {**ocr._WEIGHTS, "Rec": (ocr._WEIGHTS["Rec"][0], "0" * 64)}
    monkeypatch.setattr(ocr, "_WEIGHTS", changed)
    with pytest.raises(WeightsError, match="PP-OCRv6_rec_small"):
        OCR()


@given(order=st.permutations(range(12)), degrees=st.floats(-15, 15), size=st.floats(0.5, 50))
def test_the_order_does_not_depend_on_where_boxes_come(order, degrees, size):
    """Three rows of four, turned and scaled, in any order: they are read as a page is."""
    lefts, tops = np.meshgrid(np.arange(4) * 60, np.arange(3) * 30)
    corners = np.array([(0, 0), (50, 0), (50, 20), (0, 20)])
    boxes = np.stack([lefts.ravel(), tops.ravel()], axis=1)[:, None] + corners
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * size
    shuffled = (boxes @ turn)[list(order)].astype(np.float32)
    assert [order[index] for index in reading_order(shuffled)] == list(range(12))
