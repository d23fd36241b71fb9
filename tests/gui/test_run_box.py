from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QLabel, QPushButton

from napari_bayesseg.gui.run_box import RunBox


@pytest.fixture
def box(qtbot: QtBot) -> RunBox:
    box = RunBox(
        QPushButton("Go"),
        QLabel("a note"),
        cancel_tip="Stop",
        starting="starting",
        cancelling="stopping",
    )
    qtbot.addWidget(box)
    box.show()
    return box


def shown(box: RunBox) -> list[str]:
    """Return the texts that are to be seen, from top to bottom."""
    widgets = [*box.findChildren(QLabel), *box.findChildren(QPushButton)]
    return [widget.text() for widget in widgets if widget.isVisible()]


def test_a_bar_and_cancel_take_the_buttons_place(box: RunBox) -> None:
    assert shown(box) == ["a note", "Go"]
    box.show_state("starting")
    assert shown(box) == ["starting", "Cancel"]
    assert (box.bar.isVisible(), box.bar.maximum()) == (True, 0)
    box.show_state("running")
    assert shown(box) == ["starting", "Cancel"]
    box.show_state("cancelling")
    assert shown(box) == ["stopping", "Cancel"]
    assert not box.cancel.isEnabled()
    box.show_state("idle")
    assert shown(box) == ["a note", "Go"]
    box.show_state("starting")
    assert box.cancel.isEnabled()


def test_without_words_there_are_button_and_bar(qtbot: QtBot) -> None:
    box = RunBox(QPushButton("Go"), cancel_tip="Stop")
    qtbot.addWidget(box)
    box.show()
    assert shown(box) == ["Go"]
    box.show_state("starting")
    assert shown(box) == ["Cancel"]


def test_clicks_are_passed_on(box: RunBox, qtbot: QtBot) -> None:
    with qtbot.waitSignal(box.clicked, timeout=1000):
        box.findChildren(QPushButton)[0].click()
    box.show_state("starting")
    with qtbot.waitSignal(box.cancel_clicked, timeout=1000):
        box.cancel.click()
