"""The page of editing and its keys, in a real window."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_bayesseg.gui.review.editing.edit_panel import EditPanel
from napari_bayesseg.review.labels.edits import BrushReach
from napari_bayesseg.review.status import Status
from tests.gui.review_window import CTRL, SHIFT, ReviewWindow

pytestmark = pytest.mark.viewer

Key = Qt.Key
Z, Y, X = 3, 3, 3


def steps(window: ReviewWindow) -> list[str]:
    return [operation.title for operation in window.desk.review.history.applied]


def enabled(panel: EditPanel) -> dict[str, bool]:
    return {name: button.isEnabled() for name, button in panel.buttons.items()}


def outline(window: ReviewWindow) -> np.ndarray:
    window.settle()
    return np.asarray(window.layer("regions")._slice.image.raw)


def test_fill_smooth_and_grow_by_keys_and_back_again(window: ReviewWindow) -> None:
    before = np.asarray(window.reviewed.data)
    window.press(Key.Key_F, SHIFT)  # no editing, no key of ours
    assert steps(window) == []
    window.press(Key.Key_W)
    window.press(Key.Key_F, SHIFT)
    filled = np.asarray(window.reviewed.data)
    assert_array_equal(filled != before, np.asarray(window.desk.table.region_labels) == 1)
    assert_array_equal(np.asarray(window.reviewed._slice.image.raw), filled[Z])
    window.press(Key.Key_S, SHIFT)
    window.press(Key.Key_Z, CTRL)
    assert_array_equal(window.reviewed.data, filled)
    window.press(Key.Key_Comma)
    window.wait(lambda: window.desk.editor.contour is not None)
    window.settle()
    assert "to its 50 % contour" in window.text
    assert "Enter to apply" in window.text
    window.press(Key.Key_Period)
    assert "to its 55 % contour \u00b7 +0 \u221227 voxels" in window.text
    for _ in range(4):
        window.press(Key.Key_Comma)
    assert 248 in outline(window)
    assert window.tab.edit.percent.text() == "35 %"
    assert_array_equal(window.reviewed.data, filled)
    window.press(Key.Key_Escape)
    assert window.desk.editor.contour is None
    assert 248 not in outline(window)
    assert window.desk.editing  # the contour went, the brush stays
    window.press(Key.Key_Period)
    window.press(Key.Key_Period)
    window.press(Key.Key_Return)
    assert steps(window) == ["fill region 1 with class 2", "grow region 1 to class 2 at 40 %"]
    assert window.desk.editor.contour is None
    window.press(Key.Key_Z, CTRL)
    window.press(Key.Key_Z, CTRL)
    assert_array_equal(window.reviewed.data, before)
    assert window.desk.queue.status(1) is Status.PENDING
    assert window.desk.editing
    window.press(Key.Key_Escape)
    assert not window.desk.editing
    assert "Shift-F" not in {str(key) for key in window.reviewed.keymap}


def test_the_page_follows_what_is_in_hand_and_decides_it(window: ReviewWindow) -> None:
    panel, layer = window.tab.edit, window.reviewed
    former = window.tab.tasks.currentWidget()
    assert {name for name, is_enabled in enabled(panel).items() if is_enabled} == {"edit"}
    assert not panel.label.isEnabled()
    window.press(Key.Key_W)
    assert window.tab.tasks.currentWidget().isAncestorOf(panel)
    assert panel.buttons["edit"].text() == "Finish (W)"
    assert {name for name, is_enabled in enabled(panel).items() if not is_enabled} == {
        "apply_contour"
    }
    assert panel.label.currentText() == "class 2"
    window.press(Key.Key_Minus)
    assert panel.label.currentText() == "class 1"
    assert window.text.startswith("Edit \u00b7 class 1")
    window.press(Key.Key_BracketRight)
    assert panel.brush.value() == layer.brush_size > 3
    panel.label.setCurrentIndex(0)
    panel.brush.setValue(7)
    panel.ball.setChecked(True)
    assert (layer.selected_label, layer.brush_size, layer.n_edit_dimensions) == (0, 7, 3)
    panel.level.setValue(8)
    window.wait(lambda: window.desk.editor.contour is not None)
    window.settle()
    assert panel.percent.text() == "40 %"
    window.press(Key.Key_Escape)
    # Another region: brush and reach stay, the class is the likely one there.
    window.press(Key.Key_W)
    assert window.tab.tasks.currentWidget() is former
    window.press(Key.Key_N)
    window.press(Key.Key_W)
    assert (layer.selected_label, layer.brush_size, layer.n_edit_dimensions) == (2, 7, 3)
    panel.buttons["edit"].click()
    assert not window.desk.editing


def test_the_reach_is_outlined_and_changed_by_a_key(window: ReviewWindow) -> None:
    window.press(Key.Key_W)
    seen = outline(window)
    near = np.argwhere(seen == 7)
    assert near.min() == 0
    assert near.max() == 6
    window.press(Key.Key_W, SHIFT)
    assert window.tab.edit.reach.currentData() == BrushReach.BOX
    assert np.argwhere(outline(window) == 7).max() == 12
    assert "inside the box" in window.text
    window.tab.edit.reach.setCurrentIndex(2)
    assert window.desk.editor.options.reach is BrushReach.ANYWHERE
    assert 7 not in outline(window)
    window.drag((20, 20), (20, 21))
    assert window.reviewed.data[Z, 20, 20] == 2
    window.press(Key.Key_W, SHIFT)
    assert 7 in outline(window)


def test_a_3d_brush_is_a_ball_of_physical_size(window: ReviewWindow) -> None:
    window.desk.editor.next_reach()
    window.press(Key.Key_W)
    window.tab.edit.ball.setChecked(True)
    window.tab.edit.brush.setValue(13)  # slices are four times as far apart as voxels
    window.drag((Y, X), (Y, X))
    changed = np.argwhere(window.reviewed.data[...] != np.asarray(window.desk.result.labels))
    assert (changed.min(axis=0)[0], changed.max(axis=0)[0]) == (2, 4)
    assert_array_equal(window.reviewed.data, window.desk.review.mask.labels)


def test_an_accepted_neighbour_is_protected_and_says_so(window: ReviewWindow) -> None:
    window.press(Key.Key_J)
    window.tab.regions.chosen.emit(1)
    window.press(Key.Key_W)
    assert not window.desk.editing
    assert "edit it again" in window.tab.messages.message.text()
    window.press(Key.Key_N)
    window.desk.go_to(2)
    window.desk.editor.next_reach()
    window.press(Key.Key_W)
    before = np.asarray(window.reviewed.data)
    window.drag((Y, X), (Y, X))
    assert_array_equal(window.reviewed.data, before)
    assert window.text == "Region 1 is accepted: it is protected\nReopen it to paint there"
    assert "press Reopen" in window.tab.messages.message.text()
    window.press(Key.Key_W)
    window.desk.go_to(1)
    window.press(Key.Key_W)
    window.press(Key.Key_W)
    assert window.desk.editing
    window.drag((Y, X), (Y, X))
    assert window.reviewed.data[Z, Y, X] == 2


def test_the_keys_work_in_the_panel_while_they_mean_something(window: ReviewWindow) -> None:
    window.activate()
    tab = window.tab
    tab.tasks.show_page(tab.edit)
    tab.regions.table.setFocus()
    QTest.keyClick(tab.regions.table, Key.Key_F, SHIFT)
    assert steps(window) == []
    window.press(Key.Key_W)
    tab.regions.table.setFocus()
    window.settle()
    QTest.keyClick(tab.regions.table, Key.Key_F, SHIFT)
    assert steps(window) == ["fill region 1 with class 2"]
    QTest.keyClick(tab.regions.table, Key.Key_Period)
    window.wait(lambda: window.desk.editor.contour is not None)
    window.settle()
    QTest.keyClick(tab.regions.table, Key.Key_Return)
    assert window.desk.editor.contour is None
    QTest.keyClick(tab.regions.table, Key.Key_Escape)
    assert not window.desk.editing
