from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from napari_bayesseg.io.svg import line, polyline, rectangle, svg, text


def test_shapes_make_a_figure_that_parses() -> None:
    content = [
        rectangle(1, 2, 30, 4, "#fff"),
        line(0, 0, 9.96, 5, "red"),
        polyline([(0, 1), (2.345, 3)], "blue", width=1.5, dash="5 4"),
        text(3, 4, "a < b & c", "middle"),
    ]
    figure = ElementTree.fromstring(svg(100, 50.5, 'The "first" <one>', content))
    assert figure.attrib["viewBox"] == "0 0 100 50.5"
    title, box, plain, curve, words = figure
    assert title.text == figure.attrib["aria-label"] == 'The "first" <one>'
    assert (box.attrib["width"], box.attrib["fill"]) == ("30.0", "#fff")
    assert plain.attrib["x2"] == "10.0"
    assert curve.attrib["points"] == "0.0,1.0 2.3,3.0"
    assert curve.attrib["stroke-dasharray"] == "5 4"
    assert (words.text, words.attrib["text-anchor"]) == ("a < b & c", "middle")
