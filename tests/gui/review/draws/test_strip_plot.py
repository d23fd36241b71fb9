from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPointF, Qt

from napari_bayesseg.gui.review.draws.strip_plot import StripPlot

pytestmark = pytest.mark.viewer

VOLUMES = [4.0, 10.0, 4.0, 7.0]


@pytest.fixture
def plot(qtbot: QtBot) -> StripPlot:
    plot = StripPlot()
    qtbot.addWidget(plot)
    plot.resize(300, 52)
    plot.set_volumes(VOLUMES, 6.0, tuple(np.percentile(VOLUMES, [5, 50, 95])))
    return plot


def test_dots_stand_along_one_scale_with_the_label(plot: StripPlot) -> None:
    assert plot.range() == (4.0, 10.0)
    left, label, right = (plot.place(v).x() for v in (4.0, 6.0, 10.0))
    assert label - left == pytest.approx((right - left) / 3)
    plot.set_volumes(VOLUMES, 12.0, (4, 5, 9))
    assert plot.range() == (4.0, 12.0)
    plot.set_volumes([5.0, 5.0], 5.0, (5, 5, 5))
    assert plot.range() == (2.5, 7.5)


def test_a_click_chooses_a_draw_and_the_next_of_those_on_each_other(
    plot: StripPlot, qtbot: QtBot
) -> None:
    chosen: list[int] = []
    plot.chosen.connect(chosen.append)
    plot.chosen.connect(plot.set_shown)
    for volume in (10.0, 4.0, 4.0, 4.0, 7.0):
        place = plot.place(volume).toPoint()
        qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=place)
    assert chosen == [2, 3, 1, 3, 4]
    assert plot.draw_at(QPointF(plot.place(5.5))) == 0
    assert plot.draw_at(QPointF(plot.place(7.0).x(), 50)) == 0


def test_it_is_painted_with_the_shown_draw_in_orange(plot: StripPlot) -> None:
    plot.set_shown(2)
    place = plot.place(10.0).toPoint()
    assert plot.grab().toImage().pixelColor(place).name() == "#ff5d00"
    plot.set_shown(0)
    assert plot.grab().toImage().pixelColor(place).name() != "#ff5d00"
    plot.clear()
    plot.grab()
