"""Order, filter and note in a real window."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_bayesseg.gui.review.filter_button import FilterButton
from napari_bayesseg.review.regions.queue import Order
from napari_bayesseg.review.regions.region_filter import Mark, RegionFilter
from napari_bayesseg.review.status import Status
from tests.gui.review_window import SHIFT, ReviewWindow

pytestmark = pytest.mark.viewer

Key = Qt.Key


def test_a_note_is_typed_after_its_key_and_the_keys_work_again(window: ReviewWindow) -> None:
    window.activate()
    window.canvas.setFocus()
    window.settle()
    line = window.tab.decisions.note.edit
    window.tab.tasks.show_page(window.tab.files)
    window.press(Key.Key_T, SHIFT)
    assert QApplication.focusWidget() is line
    QTest.keyClicks(line, "junk, not pore")  # no letter of it decides anything
    window.settle()
    assert set(window.desk.statuses.values()) == {Status.PENDING}
    QTest.keyClick(line, Key.Key_Return)
    window.settle()
    assert window.desk.notes.texts == {1: "junk, not pore"}
    assert "Why: junk, not pore" in window.text
    model = window.tab.regions.model
    assert model.data(model.index(0, 10)) == "junk, not pore"
    assert QApplication.focusWidget() is not line
    window.press(Key.Key_K)
    assert window.desk.review.history.applied[-1].note == "junk, not pore"
    assert line.text() == ""
    window.press(Key.Key_T, SHIFT)
    QTest.keyClicks(line, "never mind")
    QTest.keyClick(line, Key.Key_Escape)
    assert window.desk.notes.texts == {1: "junk, not pore"}
    assert line.text() == ""
    window.press(Key.Key_T, SHIFT)
    QTest.keyClicks(line, "typed, then clicked elsewhere")
    window.tab.regions.chosen.emit(1)
    assert window.desk.notes.texts == {1: "junk, not pore", 2: "typed, then clicked elsewhere"}
    assert line.text() == "junk, not pore"
    line.setText("typed, then closed")
    desk = window.desk
    window.widget.session.close_result()
    assert desk.notes.texts[1] == "typed, then closed"
    assert line.text() == ""


def test_orders_are_chosen_by_name_and_a_path_again_from_here(window: ReviewWindow) -> None:
    view = window.tab.regions
    for index in range(len(Order)):
        view.order.setCurrentIndex(index)
        view.order.activated.emit(index)
        assert len(view.model._ids) == 18
    assert window.desk.queue.order is Order.POSITION
    path = [view.order.itemText(n) for n in range(6)].index("shortest path")
    view.order.activated.emit(path)
    first = view.model.id_at(0)
    assert window.desk.current.id == first
    for _ in range(5):
        window.desk.next()
    view.order.activated.emit(path)
    assert view.model.id_at(0) == window.desk.current.id != first
    assert view.order.currentText() == "shortest path"


def test_ticks_stay_while_the_menu_is_open_and_sizes_have_units(window: ReviewWindow) -> None:
    view = window.tab.regions
    view.filter.marks[Mark.MUST_SEE].click()
    assert view.model.rowCount() == 4
    assert view.filter.text() == "to look at"
    view.filter.statuses[Status.DEFERRED].click()
    assert view.model.rowCount() == 0
    assert view.filter.text() == "2 filters"
    view.filter.clear()
    assert (view.model.rowCount(), view.filter.text()) == (18, "Filter")
    spin = view.filter.min_volume
    assert spin.suffix() == " \u00b5m\u00b3"
    assert spin.value() == pytest.approx(0.5)  # one voxel, as the review was begun
    spin.setValue(14.0)  # 28 voxels: more than a cube has
    window.wait(lambda: not window.desk.is_busy and window.desk.settings.min_volume == 14.0)
    assert view.model.rowCount() == 0
    spin.setValue(0.0)
    window.wait(lambda: not window.desk.is_busy and window.desk.settings.min_volume is None)
    # Cubes are 5 voxels apart along y and x, 2.5 micrometers; 16 is as long as a region may be.
    before = len(window.desk.table.regions)
    view.filter.merge_distance.setValue(3.0)
    window.wait(lambda: not window.desk.is_busy and window.desk.settings.merge_distance == 3.0)
    assert len(window.desk.table.regions) < before
    view.filter.merge_distance.setValue(0.0)
    window.wait(lambda: not window.desk.is_busy and window.desk.settings.merge_distance is None)
    assert len(window.desk.table.regions) == before
    assert view.model.rowCount() == 18


def test_enter_after_a_number_keeps_the_ticks_and_the_menu(window: ReviewWindow) -> None:
    button = window.tab.regions.filter
    window.activate()
    button.marks[Mark.MUST_SEE].click()
    menu = button.menu()
    menu.popup(window.widget.mapToGlobal(QPoint(0, 0)))
    window.settle()
    for number, typed in ((button.min_volume, "1"), (button.merge_distance, "0.5")):
        number.setFocus()
        number.selectAll()
        QTest.keyClicks(number, typed)
        QTest.keyClick(number, Key.Key_Return)
        assert number.value() == float(typed)
    assert menu.isVisible()
    assert button.filter.marks == {Mark.MUST_SEE}
    menu.close()
    window.wait(lambda: not window.desk.is_busy and window.desk.settings.merge_distance == 0.5)


def test_letters_typed_into_an_open_list_decide_nothing(window: ReviewWindow) -> None:
    window.activate()
    for choice in (window.tab.regions.order, window.tab.panel.measure):
        choice.showPopup()
        window.settle()
        popup = QApplication.activePopupWidget()
        assert popup is not None
        for key in (Key.Key_U, Key.Key_J, Key.Key_N):
            QTest.keyClick(choice.view(), key)
        choice.hidePopup()
        window.settle()
    assert set(window.desk.statuses.values()) == {Status.PENDING}
    assert window.desk.current.id == 1


def test_the_list_keeps_to_the_current_region_and_cuts_no_heading(window: ReviewWindow) -> None:
    table, model = window.tab.regions.table, window.tab.regions.model
    window.desk.go_to(model.id_at(17))
    for height in (80, 200, 60):  # as when a review is opened, or a message comes
        table.setFixedHeight(height)
        window.settle()
        assert table.currentIndex().row() == 17
        assert table.visualRect(model.index(17, 0)).bottom() < table.viewport().height()
    header = table.horizontalHeader()
    model.set_table(window.desk.table, window.desk.queue.ids, {}, "share of draws")
    for section in range(header.count()):
        assert header.sectionSize(section) >= header.sectionSizeHint(section)


def test_a_filter_is_shown_as_it_is_set(qtbot: QtBot) -> None:
    button = FilterButton()
    qtbot.addWidget(button)
    heard: list[RegionFilter] = []
    button.chosen.connect(heard.append)
    button.set_classes(("pore", "solid"))
    wanted = RegionFilter.of([Status.EDITED], [1], [Mark.NOTE, Mark.BORDER])
    button.set_filter(wanted)
    assert button.filter == wanted
    assert heard == []
    assert "edited, solid, border, note" in button.toolTip()
    button.class_box(0).click()
    assert heard == [RegionFilter.of([Status.EDITED], [0, 1], [Mark.NOTE, Mark.BORDER])]
    button.set_classes(("pore",))
    assert button.filter.classes is None
