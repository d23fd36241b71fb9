from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QObject

from napari_bayesseg.gui.progress_bar import SteadyBar


@pytest.fixture
def bar(qtbot: QtBot) -> SteadyBar:
    bar = SteadyBar()
    qtbot.addWidget(bar)
    bar.show()
    qtbot.waitExposed(bar)
    return bar


def test_it_shows_how_far_something_is(bar: SteadyBar) -> None:
    bar.show_done(10, 32)
    assert (bar.value(), bar.maximum(), bar.text()) == (10, 32, "")
    assert bar.share == 10 / 32
    bar.show_share(0.25, "42 % of it")
    assert (bar.value(), bar.maximum(), bar.text()) == (250, 1000, "42 % of it")


def test_it_draws_nothing_by_itself(bar: SteadyBar, qtbot: QtBot) -> None:
    """A bar that is drawn at once draws the whole window, also in the middle of a drawing."""
    drawn = []

    class Paints(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
            if event.type() == QEvent.Type.Paint:
                drawn.append(watched)
            return False

    paints = Paints()
    bar.setRange(0, 0)
    qtbot.wait(50)
    bar.installEventFilter(paints)
    drawn.clear()
    for draws in range(1, 9):
        bar.show_done(draws, 32)
    assert drawn == []
    qtbot.waitUntil(lambda: bool(drawn), timeout=2000)
