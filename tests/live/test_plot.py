"""The curves: well-formed, on a round scale, safe."""

import re
import xml.etree.ElementTree as ET

import pytest

from bmtick.live.plot import _ceiling, curve


@pytest.mark.parametrize(
    ("value", "top"), [(0, 2), (2, 2), (3, 4), (10, 10), (11, 20), (61, 80), (1266, 2000)]
)
def test_the_scale_is_round_and_holds_the_value(value, top):
    assert _ceiling(value) == top


def test_a_curve_is_a_picture_with_a_name():
    text = curve("queue", "<Queue & co>", [0, 300], [0, 10], step=300, write=str)
    figure = ET.fromstring(text)
    svg = figure.find("svg")
    assert svg.get("role") == "img"
    assert figure.find("figcaption").get("id") == svg.get("aria-labelledby")
    assert figure.find("figcaption").text == "<Queue & co>"
    (area,) = [p for p in svg.findall("path") if p.get("class") == "area"]
    heights = [float(v) for v in re.findall(r"V([0-9.]+)", area.get("d"))]
    assert heights == [126.0, 16.0, 126.0], "zero is at the bottom, the most at the top"


@pytest.mark.parametrize(
    ("most", "labels"),
    [(9, ["0", "5", "10"]), (19_000, ["0", "10 k", "20 k"]), (2_000_000, ["0", "1 M", "2 M"])],
)
def test_the_scale_is_short_enough_for_a_telephone(most, labels):
    svg = ET.fromstring(curve("q", "Q", [0], [most], step=300, write=lambda v: f"{v:.0f}"))
    found = [text.text for text in svg.iter("text") if text.get("text-anchor") == "end"]
    assert [text.replace("\N{NO-BREAK SPACE}", " ") for text in found] == labels


def test_no_data_is_a_flat_picture():
    ET.fromstring(curve("queue", "Queue", [], [], step=300, write=str))
