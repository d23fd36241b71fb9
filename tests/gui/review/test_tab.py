"""The review tab in a real window, with a real review behind it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_bayesseg.review.regions.queue import Order
from napari_bayesseg.review.status import Replacement, Status
from tests.gui.review_window import ReviewWindow
from tests.session.places import LOWER, MEASURE, UPPER, begin_review, write_places

pytestmark = pytest.mark.viewer


def test_what_is_there_is_shown(window: ReviewWindow) -> None:
    tab = window.tab
    assert tab.panel.measure.currentData() == MEASURE
    assert tab.panel.thresholds.values == pytest.approx((LOWER, UPPER))
    assert tab.regions.model.rowCount() == 18
    assert "18 regions, 4 to look at" in tab.panel.line.text()
    assert tab.progress.regions_bar.text() == "0 of 18 regions"
    assert tab.progress.bar.text() == "0 % of expected error"
    assert tab.progress.saved.text() == ""
    assert window.desk.current is not None
    assert tab.regions.table.currentIndex().row() == 0


def test_moving_a_handle_moves_the_maps_contrast_at_once_and_no_array(window: ReviewWindow) -> None:
    slider = window.tab.panel.thresholds.slider
    heat = window.widget.layers.heat_map(MEASURE)
    assert heat is not None
    assert heat.contrast_limits == pytest.approx([LOWER, UPPER])
    data, found = heat.data, window.desk.table
    slider.setSliderDown(True)
    slider.setValue((0.12, 0.3))
    assert heat.contrast_limits == pytest.approx([0.12, 0.3])
    assert heat.data is data
    assert window.tab.panel.line.text().startswith("about 18 regions")
    assert window.desk.table is found
    slider.setValue((0.15, 0.3))
    slider.setSliderDown(False)
    window.wait(lambda: window.desk.table is not found and not window.desk.is_busy)
    assert (window.desk.settings.lower, window.desk.settings.upper) == pytest.approx((0.15, 0.3))
    assert window.tab.regions.model.rowCount() == len(window.desk.table.regions) != 0
    box = window.tab.panel.thresholds.upper_box
    box.setValue(0.25)
    window.wait(lambda: window.desk.settings.upper == pytest.approx(0.25))
    model = window.tab.regions.model
    marked = {r.id for r in window.desk.table.regions if model.must_see(r.id)}
    assert marked == {r.id for r in window.desk.table.regions if r.maximum >= 0.25}
    assert 0 < len(marked) < model.rowCount()


def test_new_thresholds_call_nobody_back_who_looks_about(window: ReviewWindow) -> None:
    window.viewer.dims.set_point(0, 0.0)
    former = window.desk.current
    window.tab.panel.thresholds.lower_box.setValue(0.12)
    window.wait(lambda: window.desk.settings.lower == pytest.approx(0.12))
    window.settle()
    assert window.desk.current != former  # another set of voxels, at the same place
    assert window.desk.current.position == former.position
    assert window.viewer.dims.point[0] == 0.0


def test_another_measure_brings_its_own_map_and_distribution(window: ReviewWindow) -> None:
    tab = window.tab
    choice = tab.panel.measure.findData("expected_error")
    tab.panel.measure.setCurrentIndex(choice)
    window.wait(lambda: window.desk.settings.measure == "expected_error")
    window.settle()
    low, high = window.desk.source.bounds
    assert (tab.panel.thresholds.slider.minimum(), tab.panel.thresholds.slider.maximum()) == (
        pytest.approx((low, high))
    )
    layers = window.widget.layers
    shown = [name for name in layers.measures if layers.heat_map(name).visible]
    assert shown == ["expected_error"]


def test_an_excess_that_was_not_stored_gets_a_map_below_the_reviewed_labels(
    window: ReviewWindow,
) -> None:
    name = f"{MEASURE}_excess"
    window.tab.panel.measure.setCurrentIndex(window.tab.panel.measure.findData(name))
    window.wait(lambda: window.desk.settings.measure == name)
    heat = window.widget.layers.heat_map(name)
    assert heat is not None
    np.testing.assert_array_equal(heat.data, window.desk.source.values)
    layers = window.viewer.layers
    assert layers.index(heat) < layers.index(window.reviewed)
    assert layers.index(window.reviewed) < layers.index(window.layer("regions"))


def click_row(window: ReviewWindow, row: int) -> None:
    table = window.tab.regions.table
    cell = table.visualRect(table.model().index(row, 0)).center()
    window.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=cell)


def test_a_click_on_a_row_flies_there(window: ReviewWindow) -> None:
    for _ in range(2):
        click_row(window, 3)
        region = window.desk.current
        assert region is not None
        assert region.id == 4
        world = window.reviewed.data_to_world(region.position)
        assert window.viewer.dims.point == pytest.approx(world)
        assert window.viewer.scene.camera.center[1:] == pytest.approx(world[1:])
        window.viewer.dims.set_point(0, 0.0)  # scrolled away: the same row brings back


def test_a_heading_changes_the_queues_order(window: ReviewWindow) -> None:
    header = window.tab.regions.table.horizontalHeader()
    header.sectionClicked.emit(8)
    assert window.desk.queue.order is Order.POSITION
    model = window.tab.regions.model
    assert model.headerData(8, Qt.Orientation.Horizontal) == "\u25b2 slice"
    header.sectionClicked.emit(4)  # means give no order
    assert window.desk.queue.order is Order.POSITION
    assert window.tab.regions.order.currentText() == "slice by slice"
    header.sectionClicked.emit(7)
    assert window.desk.queue.order is Order.CLASS
    header.sectionClicked.emit(2)
    assert window.desk.queue.order is Order.EXPECTED_ERROR
    assert model.id_at(0) == 1


def test_filters_leave_rows_out(window: ReviewWindow) -> None:
    view = window.tab.regions
    window.desk.accept()
    view.filter.statuses[Status.ACCEPTED].click()
    assert [view.model.id_at(row) for row in range(view.model.rowCount())] == [1]
    assert view.count.text() == "1 of 18"
    assert view.filter.text() == "accepted"
    view.filter.clear()
    view.filter.class_box(1).click()
    names = {index for row in range(9) for index in _classes(window, row)}
    assert view.model.rowCount() == 9
    assert names == {1}


def _classes(window: ReviewWindow, row: int) -> tuple[int, ...]:
    region_id = window.tab.regions.model.id_at(row)
    assert region_id is not None
    return window.desk.queue.region(region_id).classes


def test_a_decided_region_leaves_a_list_of_pending_ones(window: ReviewWindow) -> None:
    view = window.tab.regions
    view.filter.statuses[Status.PENDING].click()
    window.desk.accept()
    assert view.model.row_of(1) is None
    assert view.model.rowCount() == 17
    assert view.table.currentIndex().row() == 0


def test_saved_is_said_only_after_the_commit(
    window: ReviewWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.desk.accept()
    assert window.tab.progress.saved.text().startswith("saved \u2713 ")
    assert window.tab.progress.regions_bar.text() == "1 of 18 regions"
    assert window.tab.progress.bar.value() > 0
    window.tab.progress.clear_saved()

    def refuse(*_: object, **__: object) -> None:
        from napari_bayesseg.core.errors import StoreError

        raise StoreError("the disk is full: make room")

    monkeypatch.setattr(window.desk.review, "decide", refuse)
    window.desk.accept()
    assert window.tab.progress.saved.text() == ""
    assert window.tab.messages.message.text() == "Error: the disk is full: make room"


def test_what_a_rejected_label_becomes_is_chosen(window: ReviewWindow) -> None:
    combo = window.tab.decisions.replacement
    assert [combo.itemData(index) for index in range(combo.count())] == [
        Replacement.RUNNER_UP,
        Replacement.BACKGROUND,
    ]
    region = window.desk.queue.region(window.desk.table.regions[-1].id)
    window.desk.go_to(region.id)
    combo.setCurrentIndex(1)
    window.desk.reject()
    assert window.desk.replacement is Replacement.BACKGROUND
    assert window.reviewed.data[region.position] == 0
    combo.setCurrentIndex(0)
    window.desk.undo()
    window.desk.reject()
    assert window.reviewed.data[region.position] == 2


def test_another_review_takes_the_place_of_the_first(window: ReviewWindow, tmp_path: Path) -> None:
    second = write_places(tmp_path / "second.zarr", (1, 2, 2))
    begin_review(second)
    former = {id(layer) for layer in window.viewer.layers}
    desk = window.open(second.path)
    assert window.tab.regions.model.rowCount() == 4
    assert window.reviewed.data.shape == desk.result.spec.shape
    assert not former & {id(layer) for layer in window.viewer.layers}
    window.press(Qt.Key.Key_J)
    assert desk.statuses[1] is Status.ACCEPTED


def test_without_a_review_the_tab_says_so_and_the_canvas_is_as_before(window: ReviewWindow) -> None:
    window.widget.session.close_result()
    window.settle()
    assert not window.tab.has_review
    assert window.text == ""
    assert not window.viewer.canvas.overlays.text.visible
    assert not [layer for layer in window.viewer.layers if layer.name.endswith(": regions")]
    window.press(Qt.Key.Key_J)
    window.tab.control.run("accept")
    assert "No review is open" in window.tab.messages.message.text()


def test_a_second_window_can_only_look(window: ReviewWindow, tmp_path: Path) -> None:
    widget = type(window.widget)(window.viewer)
    window.qtbot.addWidget(widget)
    try:
        widget.show_result(tmp_path / "r.zarr")
        window.wait(lambda: widget.session.desk is not None)
        tab = widget.review_tab
        assert tab.messages.notice.text().startswith("Note: Read-only")
        assert not tab.decisions.buttons["accept"].isEnabled()
        assert tab.decisions.buttons["next_region"].isEnabled()
        (canvas,) = [tab.control.canvas]
        assert canvas is not None
        assert not canvas.layers.reviewed.editable
    finally:
        widget.close_session()


def test_closing_the_window_under_review_raises_nothing(window: ReviewWindow) -> None:
    window.press(Qt.Key.Key_W)
    window.viewer.close()
    window.settle()


def test_both_themes_can_be_read_and_nothing_is_cut(window: ReviewWindow) -> None:
    """Text stands out from what it is written on, in the list, the lines and the histogram."""
    tab = window.tab
    for theme in ("dark", "light"):
        window.viewer.theme = theme
        window.settle()
        histogram = tab.panel.thresholds.histogram
        for part in (tab.panel.line, tab.regions.table, histogram, tab.progress):
            palette = part.palette()
            text, back = palette.windowText().color(), palette.window().color()
            assert abs(text.lightness() - back.lightness()) > 90
        picture = histogram.grab().toImage()
        row = picture.height() - 3
        colours = {picture.pixel(x, row) for x in range(picture.width())}
        assert len(colours) >= 3  # background, and at least two zones
    assert tab.minimumSizeHint().width() <= 370  # what a dock of 390 leaves
    for button in tab.decisions.buttons.values():
        assert button.sizeHint().width() <= button.width() + 2
