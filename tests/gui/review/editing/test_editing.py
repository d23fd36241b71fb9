"""The brush, in a real window: inside the box it is kept, outside it is taken back."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from qtpy.QtCore import Qt

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.gui.review.editing import edit_canvas
from napari_bayesseg.review.status import Status
from tests.gui.review_window import CTRL, SHIFT, ReviewWindow

pytestmark = pytest.mark.viewer

Key = Qt.Key
# The middle of region 1; two voxels around it end before voxel 7.
Z, Y, X = 3, 3, 3
OUTSIDE = 18


def steps(window: ReviewWindow) -> list[str]:
    return [operation.title for operation in window.desk.review.history.applied]


def shown(window: ReviewWindow) -> np.ndarray:
    """Return the labels of the slice on the canvas, as they were last drawn."""
    window.settle()
    return np.asarray(window.reviewed._slice.image.raw)


def test_w_takes_up_a_brush_with_the_likely_label(
    window: ReviewWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = window.viewer.layers.selection.active
    window.press(Key.Key_W)
    layer = window.reviewed
    assert window.viewer.layers.selection.active is layer
    assert (layer.mode, layer.selected_label, layer.n_edit_dimensions) == ("paint", 2, 2)
    assert layer.brush_size <= 5
    assert window.text == "Edit \u00b7 class 2 \u00b7 brush stays at the region\nW to finish"
    assert window.tab.decisions.buttons["edit"].text() == "Finish (W)"
    assert 7 in window.layer("regions")._slice.image.raw
    window.press(Key.Key_W)
    assert layer.mode == "pan_zoom"
    assert window.viewer.layers.selection.active is former
    assert window.text.startswith("Review")
    assert 7 not in window.layer("regions")._slice.image.raw

    window.press(Key.Key_W)
    window.press(Key.Key_Escape)
    assert not window.desk.editing
    assert "Escape" not in {str(key) for key in window.reviewed.keymap}
    window.press(Key.Key_Escape)
    assert not window.desk.editing

    window.press(Key.Key_W)
    window.press(Key.Key_N)
    assert not window.desk.editing
    assert window.reviewed.mode == "pan_zoom"
    window.press(Key.Key_Escape)

    def damaged(*_: object) -> None:
        raise StoreError("mean_probability can't be read")

    monkeypatch.setattr(edit_canvas, "runner_up_labels", damaged)
    window.press(Key.Key_W)
    assert (layer.mode, layer.selected_label) == ("paint", 2)
    assert "can't be read" in window.tab.messages.message.text()


def test_a_stroke_is_kept_at_the_region_and_taken_back_outside(window: ReviewWindow) -> None:
    window.press(Key.Key_W)
    window.drag((Y, X), (Y, 6), (Y, OUTSIDE))
    mask = np.asarray(window.reviewed.data)
    assert mask[Z, Y, X] == mask[Z, Y, 6] == 2
    assert_array_equal(mask[:, :, 7:], np.asarray(window.desk.result.labels)[:, :, 7:])
    assert_array_equal(mask, window.desk.review.mask.labels)
    assert_array_equal(shown(window), mask[Z])
    assert steps(window)[0].startswith("paint")
    assert window.desk.statuses[1] is Status.EDITED
    assert window.tab.progress.saved.text().startswith("saved")

    window.drag((20, 20), (20, 22))
    assert_array_equal(window.reviewed.data, mask)
    assert_array_equal(shown(window), mask[Z])
    assert len(steps(window)) == 1


def test_painting_without_edit_mode_is_kept_too(window: ReviewWindow) -> None:
    layer = window.reviewed
    window.viewer.layers.selection.active = layer
    layer.selected_label, layer.brush_size, layer.mode = 2, 1, "paint"
    window.drag((20, 20), (20, 21))
    assert layer.data[Z, 20, 20] == 2
    assert_array_equal(layer.data, window.desk.review.mask.labels)
    assert len(steps(window)) == 1


def test_polygons_and_fills_are_clipped_as_well(window: ReviewWindow) -> None:
    """napari tells of both before it writes them."""
    window.press(Key.Key_W)
    layer = window.reviewed
    corners = [[Z, 2, 2], [Z, 2, 20], [Z, 20, 20], [Z, 20, 2]]
    layer.paint_polygon(np.array(corners, float), 2)
    window.settle()
    mask = np.asarray(layer.data)
    assert mask[Z, 5, 5] == 2
    assert (mask[Z, :, 7:] == 0).all()
    assert_array_equal(mask, window.desk.review.mask.labels)
    assert_array_equal(shown(window), mask[Z])
    layer.fill((Z, 20, 20), 1)
    window.settle()
    assert layer.data[Z, 20, 20] == 0
    assert_array_equal(layer.data, window.desk.review.mask.labels)


def test_strokes_and_decisions_have_one_history(window: ReviewWindow) -> None:
    untouched = np.asarray(window.reviewed.data)
    window.press(Key.Key_W)
    window.drag((Y, X), (Y, 8))
    painted = np.asarray(window.reviewed.data)
    window.press(Key.Key_W)
    window.press(Key.Key_N)
    window.press(Key.Key_K)
    window.press(Key.Key_Z, CTRL)
    assert_array_equal(window.reviewed.data, painted)
    window.press(Key.Key_Z, CTRL)
    assert_array_equal(window.reviewed.data, untouched)
    assert_array_equal(shown(window), untouched[Z])
    assert window.desk.statuses[1] is Status.PENDING
    window.press(Key.Key_Z, CTRL | SHIFT)
    assert_array_equal(window.reviewed.data, painted)
    assert_array_equal(shown(window), painted[Z])

    window.press(Key.Key_Z, CTRL)
    window.press(Key.Key_W)
    window.drag((Y, X), (Y, 8))
    window.press(Key.Key_Z, CTRL)
    assert_array_equal(window.reviewed.data, untouched)
    assert_array_equal(shown(window), untouched[Z])
    assert window.desk.editing


def test_napari_keeps_no_history_of_its_own(window: ReviewWindow) -> None:
    window.press(Key.Key_W)
    for end in (5, 6, 7):
        window.drag((Y, X), (Y, end))
    painted = np.asarray(window.reviewed.data)
    assert not any(window.reviewed._undo_history)
    window.reviewed.undo()
    assert_array_equal(window.reviewed.data, painted)


def test_accepted_regions_are_protected(window: ReviewWindow) -> None:
    window.press(Key.Key_J)
    window.tab.regions.chosen.emit(1)
    window.press(Key.Key_W)
    before = np.asarray(window.reviewed.data)
    window.drag((Y, X), (Y, X))
    assert_array_equal(window.reviewed.data, before)
    assert "protected" in window.tab.messages.message.text()


def test_what_cannot_be_saved_is_taken_back(
    window: ReviewWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_bayesseg.core.errors import StoreError

    def refuse(*_: object, **__: object) -> None:
        raise StoreError("the disk is full: make room")

    before = np.asarray(window.reviewed.data)
    monkeypatch.setattr(window.desk.review, "paint", refuse)
    window.press(Key.Key_W)
    window.drag((Y, X), (Y, 8))
    assert_array_equal(window.reviewed.data, before)
    assert_array_equal(shown(window), before[Z])
    assert "disk is full" in window.tab.messages.message.text()


def test_a_restored_layer_is_followed(window: ReviewWindow) -> None:
    window.viewer.layers.remove(window.reviewed)
    window.settle()
    window.tab.messages.restore.click()
    window.press(Key.Key_W)
    window.drag((Y, X), (Y, 8))
    assert len(steps(window)) == 1
