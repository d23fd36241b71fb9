"""The page of audits, and the summary's file, in a real window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from napari_bayesseg.gui.review.audit import audit_actions
from napari_bayesseg.inference.result import load_result
from napari_bayesseg.review.audit.audit_rows import read_audits
from napari_bayesseg.review.review import Review
from tests.gui.review_window import ReviewWindow

pytestmark = pytest.mark.viewer


def test_from_the_first_place_to_the_outcome_by_buttons(window: ReviewWindow) -> None:
    page = window.tab.audits
    assert not any(page.buttons[name].isEnabled() for name in ("agree", "disagree", "stop_audit"))
    assert "Check random ones" in page.text.text()
    page.count.setValue(3)
    window.activate()
    page.count.setFocus()
    page.buttons["audit"].click()
    window.wait(lambda: window.desk.audit.is_on)
    assert not page.count.hasFocus()
    assert page.isVisible()
    assert not page.buttons["audit"].isEnabled()
    assert not window.tab.decisions.isEnabled()
    places = window.desk.audit.record.audit.places
    page.buttons["agree"].click()
    page.buttons["disagree"].click()
    assert page.text.text() == "Place 3 of 3: 2 answered, 1 of them wrong."
    page.buttons["audit_back"].click()
    page.buttons["disagree"].click()
    QTest.keyClick(page, Qt.Key.Key_J)  # keys work in the tab as well
    assert "1 of 3 wrong; at most 86" in page.text.text()
    assert "promised" in page.text.text()
    assert "µm³" in page.text.toolTip()
    assert window.tab.decisions.isEnabled()
    assert page.former.count() == 1
    assert "3 places" in page.former.currentText()
    assert page.wrong.text() == "See the 1 wrong"
    page.wrong.click()
    window.settle()
    mark = window.viewer.layers["audited voxel"]
    np.testing.assert_array_equal(mark.data[0], places[1].position)
    window.press(Qt.Key.Key_N)
    assert "audited voxel" not in window.viewer.layers


def test_escape_in_the_tab_stops_and_former_audits_can_be_read(
    window: ReviewWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = window.tab.audits
    asked: list[tuple[int, int]] = []

    def ask(answered: int, places: int) -> bool:
        asked.append((answered, places))
        return len(asked) > 1  # it was a slip, the first time

    monkeypatch.setattr(audit_actions, "ask_to_stop", ask)
    for count in (2, 1):
        page.count.setValue(count)
        window.tab.control.run("audit")
        window.wait(lambda: window.desk.audit.is_on)
        window.tab.control.run("accept")  # as the palette does
        if count == 2:
            window.activate()
            page.setFocus()
            QTest.keyClick(page, Qt.Key.Key_Escape)
            assert window.desk.audit.is_on
            QTest.keyClick(page, Qt.Key.Key_Escape)
            assert asked == [(1, 2)] * 2
        assert not window.desk.audit.is_on
    assert [page.former.itemText(n)[-8:].strip() for n in range(2)] == ["1 place", "2 places"]
    assert page.text.text().startswith("0 of 1 wrong")
    page.former.setCurrentIndex(1)
    assert page.text.text().startswith("unfinished: 0 wrong of the 1 answered of 2")
    assert page.wrong.text() == "None wrong"
    assert [r.outcome.count for r in read_audits(window.desk.review.events)] == [2, 1]


def test_a_reader_sees_outcomes_and_begins_none(window: ReviewWindow) -> None:
    window.tab.audits.count.setValue(1)
    window.tab.control.run("audit")
    window.wait(lambda: window.desk.audit.is_on)
    window.tab.control.run("agree")
    path = window.desk.result.path
    window.widget.session.close_result()
    with Review.open(load_result(path)):
        window.open(path)
        page = window.tab.audits
        assert window.desk.read_only
        assert not page.buttons["audit"].isEnabled()
        assert page.text.text().startswith("0 of 1 wrong")


def test_the_summary_is_saved_where_the_person_says(
    window: ReviewWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine"
    asked = []

    def choose(_, title: str, proposed: str, filters: str) -> tuple[str, str]:
        asked.append((title, Path(proposed).name, filters))
        return str(path), filters

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    window.tab.files.buttons["save_summary"].click()
    window.wait(lambda: not window.desk.is_busy)
    assert asked == [("Save a summary", "r-summary.html", "Page (*.html)")]
    text = path.with_suffix(".html").read_text(encoding="utf-8")
    assert "Review of r.zarr" in text
    window.settle()
    assert "summary written" in window.tab.messages.message.text()


def test_the_finish_line_stands_below_the_bar(window: ReviewWindow) -> None:
    finish = window.tab.progress.finish
    assert not finish.isVisible()
    for region in window.desk.table.regions:
        if region.maximum >= window.desk.settings.upper:
            window.desk.go_to(region.id)
            window.desk.accept()
    assert finish.isVisible()
    assert finish.text().startswith("All 4 regions to look at are decided")
    window.desk.undo()
    assert not finish.isVisible()
