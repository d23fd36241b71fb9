from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_bayesseg.gui.review.hiding import Hiding

pytestmark = pytest.mark.viewer


@pytest.fixture
def layers() -> list[Image]:
    return [Image(np.zeros((2, 2)), visible=visible) for visible in (True, False, True)]


def visible(layers: list[Image]) -> list[bool]:
    return [layer.visible for layer in layers]


def release(key: Qt.Key, *, repeated: bool = False) -> None:
    modifier = Qt.KeyboardModifier.NoModifier
    event = QKeyEvent(QEvent.Type.KeyRelease, key, modifier, "", repeated)
    widget = QWidget()
    QApplication.sendEvent(widget, event)
    widget.deleteLater()


def test_only_what_was_visible_comes_back(layers: list[Image], qtbot: QtBot) -> None:
    hiding = Hiding(Qt.Key.Key_Q)
    heard = []
    hiding.changed.connect(heard.append)
    hiding.begin(layers)
    hiding.begin(layers)
    assert visible(layers) == [False] * 3
    hiding.end()
    hiding.end()
    assert visible(layers) == [True, False, True]
    assert heard == [True, False]


def test_its_key_alone_ends_it(layers: list[Image], qtbot: QtBot) -> None:
    hiding = Hiding(Qt.Key.Key_Q)
    hiding.begin(layers)
    release(Qt.Key.Key_W)
    release(Qt.Key.Key_Q, repeated=True)
    assert hiding.is_active
    release(Qt.Key.Key_Q)
    assert not hiding.is_active
    assert visible(layers) == [True, False, True]


def test_leaving_the_application_ends_it(layers: list[Image], qtbot: QtBot) -> None:
    hiding = Hiding(Qt.Key.Key_Q)
    hiding.begin(layers)
    QApplication.sendEvent(QApplication.instance(), QEvent(QEvent.Type.ApplicationDeactivate))
    assert visible(layers) == [True, False, True]
