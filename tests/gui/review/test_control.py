"""Keys, buttons and dialogs: what they do to a real review."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.gui.review.keys.actions import ACTIONS, AUDIT_ACTIONS
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.io.writers import write_volume
from napari_bayesseg.review.files.crop_boxes import CropChoice, CropSettings
from napari_bayesseg.review.status import Status
from tests.gui.review_window import CTRL, SHIFT, ReviewWindow

pytestmark = pytest.mark.viewer

Key = Qt.Key


def current(window: ReviewWindow) -> int:
    region = window.desk.current
    assert region is not None
    return region.id


def test_one_key_one_decision_next_region(window: ReviewWindow) -> None:
    window.press(Key.Key_J)
    assert (window.desk.statuses[1], current(window)) == (Status.ACCEPTED, 2)
    window.press(Key.Key_K)
    assert (window.desk.statuses[2], current(window)) == (Status.REJECTED, 3)
    window.press(Key.Key_U)
    assert (window.desk.statuses[3], current(window)) == (Status.DEFERRED, 4)
    window.press(Key.Key_N)
    assert current(window) == 5
    window.press(Key.Key_H)
    window.press(Key.Key_H)
    assert current(window) == 3
    assert window.text == (
        "Review \u00b7 region 3 \u00b7 3 of 18 \u00b7 deferred\nclass 0 \u00b7 max 0.22 nat"
    )
    window.press(Key.Key_Z, CTRL)
    assert window.desk.statuses[3] is Status.PENDING
    window.press(Key.Key_Z, CTRL)
    assert (window.desk.statuses[2], current(window)) == (Status.PENDING, 2)
    place = window.viewer.dims.point
    window.viewer.dims.set_point(0, 0.0)
    window.press(Key.Key_Z, CTRL | SHIFT)
    assert window.desk.statuses[2] is Status.REJECTED
    assert window.viewer.dims.point == place


def test_buttons_do_the_same(window: ReviewWindow) -> None:
    buttons = window.tab.decisions.buttons
    for name, region_id, status in [
        ("accept", 1, Status.ACCEPTED),
        ("reject", 2, Status.REJECTED),
        ("defer", 3, Status.DEFERRED),
    ]:
        window.qtbot.mouseClick(buttons[name], Qt.MouseButton.LeftButton)
        assert window.desk.statuses[region_id] is status
    for name, region_id in [("next_region", 5), ("previous_region", 4), ("previous_region", 3)]:
        buttons[name].click()
        assert current(window) == region_id
    buttons["reopen"].click()
    assert window.desk.statuses[3] is Status.PENDING
    buttons["undo"].click()
    assert window.desk.statuses[3] is Status.DEFERRED
    buttons["redo"].click()
    assert window.desk.statuses[3] is Status.PENDING


def test_every_action_has_a_button(window: ReviewWindow) -> None:
    tab = window.tab
    pages = (tab.decisions, tab.edit, tab.draws, tab.audits, tab.learning, tab.files)
    buttons = {name: button for page in pages for name, button in page.buttons.items()}
    buttons["restore_layers"] = tab.messages.restore
    answers = {action.id for action in AUDIT_ACTIONS}
    assert set(buttons) == {action.id for action in ACTIONS} | answers
    assert all(button.toolTip() == button.action.button_tooltip for button in buttons.values())


def test_keys_work_whichever_layer_is_active(window: ReviewWindow) -> None:
    """A layer's keys beat the viewer's: a labels layer has undo and redo of its own."""
    viewer, shape = window.viewer, window.desk.result.spec.shape
    actives = [
        viewer.add_image(np.zeros(shape, np.uint8)),
        viewer.add_labels(np.zeros(shape, np.uint8)),
        window.widget.layers.heat_map("mutual_information"),
        window.reviewed,
        window.layer("regions"),
        None,
    ]
    for active in actives:
        viewer.layers.selection.active = active
        window.press(Key.Key_J)
        assert window.desk.statuses[1] is Status.ACCEPTED
        window.press(Key.Key_Z, CTRL)
        assert window.desk.statuses[1] is Status.PENDING
        window.press(Key.Key_Z, CTRL | SHIFT)
        assert window.desk.statuses[1] is Status.ACCEPTED
        window.press(Key.Key_Z, CTRL)


def test_keys_work_in_the_panel_too_but_not_while_a_number_is_typed(window: ReviewWindow) -> None:
    table = window.tab.regions.table
    window.activate()
    table.setFocus()
    window.wait(table.hasFocus)
    QTest.keyClick(table, Key.Key_J)
    assert window.desk.statuses[1] is Status.ACCEPTED
    QTest.keyClick(table, Key.Key_Down)
    assert current(window) == 3
    box = window.tab.panel.thresholds.upper_box
    box.setFocus()
    window.wait(box.hasFocus)
    QTest.keyClick(box, Key.Key_K)
    assert window.desk.statuses[3] is Status.PENDING


def test_napari_keeps_its_other_keys_and_gets_ours_back(window: ReviewWindow) -> None:
    layer = window.viewer.add_labels(np.zeros(window.desk.result.spec.shape, np.uint8))
    window.press(Key.Key_P)
    assert layer.mode == "paint"
    heard = []
    layer.bind_key("J", lambda _: heard.append("theirs"), overwrite=True)
    window.viewer.bind_key("N", lambda _: heard.append("viewer"), overwrite=True)
    window.widget.session.close_result()
    window.settle()
    assert not {"K", "U", "H", "W"} & {str(key) for key in layer.keymap}
    layer.brush_size = 1
    layer.paint((0, 1, 1), 3)
    window.press(Key.Key_Z, CTRL)
    assert layer.data[0, 1, 1] == 0


def test_q_hides_while_it_is_held_and_restores_exactly(window: ReviewWindow) -> None:
    scan = window.viewer.add_image(np.zeros(window.desk.result.spec.shape), name="scan")
    window.layer("regions").visible = False
    before = {layer.name: layer.visible for layer in window.viewer.layers}
    QTest.keyPress(window.canvas, Key.Key_Q)
    assert [layer for layer in window.viewer.layers if layer.visible] == [scan]
    assert window.text == "Overlays hidden"
    QTest.keyPress(window.canvas, Key.Key_Q)  # as the keyboard repeats it
    QTest.keyRelease(window.canvas, Key.Key_Q)
    assert {layer.name: layer.visible for layer in window.viewer.layers} == before
    assert window.text.startswith("Review")

    QTest.keyPress(window.canvas, Key.Key_Q)
    assert not window.reviewed.visible
    QTest.keyRelease(window.tab.regions.table, Key.Key_Q)  # the focus went elsewhere meanwhile
    assert window.reviewed.visible
    button = window.tab.decisions.buttons["hide_overlays"]
    QTest.mousePress(button, Qt.MouseButton.LeftButton)
    assert not window.reviewed.visible
    QTest.mouseRelease(button, Qt.MouseButton.LeftButton)
    assert window.reviewed.visible


def test_g_recentres_and_fits(window: ReviewWindow) -> None:
    camera = window.viewer.scene.camera
    fitted, centre = camera.zoom, camera.center
    camera.zoom, camera.center = 3.0, (0.0, 0.0, 0.0)
    window.press(Key.Key_N)
    assert camera.zoom == 3.0
    window.press(Key.Key_H)
    window.press(Key.Key_G)
    assert camera.zoom == pytest.approx(fitted)
    assert camera.center == pytest.approx(centre)


def answer(monkeypatch: pytest.MonkeyPatch, button: QMessageBox.StandardButton) -> list[str]:
    """Answer every question in the same way, and keep what was asked."""
    asked = []

    def exec_(box: QMessageBox) -> QMessageBox.StandardButton:
        assert box.defaultButton() == box.button(QMessageBox.StandardButton.Cancel)
        asked.append(box.text())
        return button

    monkeypatch.setattr(QMessageBox, "exec", exec_)
    return asked


def test_many_at_once_only_after_a_yes(
    window: ReviewWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answer(monkeypatch, QMessageBox.StandardButton.Cancel)
    window.tab.decisions.buttons["accept_below"].click()
    assert "14 regions" in asked[0]
    assert "\u00b5m\u00b3" in asked[0]
    assert window.desk.queue.remaining == 18
    answer(monkeypatch, QMessageBox.StandardButton.Ok)
    window.tab.decisions.buttons["accept_below"].click()
    window.wait(lambda: window.desk.queue.remaining == 4)
    window.tab.decisions.buttons["reject_above"].click()
    window.wait(lambda: window.desk.queue.remaining == 0)
    window.tab.decisions.buttons["reject_above"].click()
    assert "no such pending region" in window.tab.messages.message.text()
    window.press(Key.Key_Z, CTRL)
    window.press(Key.Key_Z, CTRL)
    assert window.desk.queue.remaining == 18


def choose(
    monkeypatch: pytest.MonkeyPatch, path: str, chosen: str = "TIFF for ImageJ (*.tif)"
) -> list[tuple[str, str]]:
    """Choose a file in every dialog, and keep what was proposed."""
    proposed = []

    def ask(_: object, title: str, proposal: str, filters: str) -> tuple[str, str]:
        proposed.append((proposal, filters))
        return path, chosen

    monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)
    return proposed


def test_mask_and_decisions_are_saved_where_the_person_says(
    window: ReviewWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    window.press(Key.Key_K)
    proposed = choose(monkeypatch, str(tmp_path / "mask"))
    window.tab.files.buttons["save_mask"].click()
    window.wait(lambda: (tmp_path / "mask.tif").exists() and not window.desk.is_busy)
    labels = np.asarray(read_volume(tmp_path / "mask.tif").data)
    np.testing.assert_array_equal(labels, window.reviewed.data)
    assert proposed[0][0].endswith("r-reviewed.ome.tif")
    for pattern in ("*.ome.tif", "*.tif", "*.nii.gz"):
        assert pattern in proposed[0][1]
    proposed = choose(monkeypatch, str(tmp_path / "decisions.json"))
    window.tab.files.buttons["save_decisions"].click()
    window.wait(lambda: (tmp_path / "decisions.json").exists() and not window.desk.is_busy)
    assert "*.csv" in proposed[0][1]
    window.settle()
    assert "decisions.json: decisions written" in window.tab.messages.message.toolTip()
    before = set(tmp_path.iterdir())
    choose(monkeypatch, "")  # the dialog was left
    window.tab.files.buttons["save_mask"].click()
    assert not window.desk.is_busy
    assert set(tmp_path.iterdir()) == before


def click(monkeypatch: pytest.MonkeyPatch, caption: str) -> None:
    """Click this button in every question."""

    def execute(box: QMessageBox) -> int:
        next(b for b in box.buttons() if b.text().replace("&", "") == caption).click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", execute)


def test_the_journal_is_checked_alone_or_against_a_head_that_was_saved(
    window: ReviewWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    buttons, message = window.tab.files.buttons, window.tab.messages.message
    window.press(Key.Key_K)
    path = tmp_path / "kept.json"
    proposed = choose(monkeypatch, str(path), "Head of a journal (*.json)")
    buttons["save_journal_head"].click()
    assert path.is_file()
    assert proposed[0][0].endswith("r-journal-head.json")
    window.press(Key.Key_J)
    click(monkeypatch, "Cancel")
    buttons["check_journal"].click()
    assert "checked" not in message.toolTip()
    click(monkeypatch, "Check")
    buttons["check_journal"].click()
    window.wait(lambda: "none changed or missing" in message.toolTip())
    assert "the head saved" not in message.toolTip()
    click(monkeypatch, "Check against a saved head\u2026")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: (str(path), ""))
    buttons["check_journal"].click()
    window.wait(lambda: "the head saved" in message.toolTip())


def test_a_review_begins_from_a_mask_before_its_first_decision_only(
    window: ReviewWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = window.desk.result
    mask = np.zeros(result.spec.shape, np.uint8)
    mask[0] = 1
    path = tmp_path / "by_hand.ome.tif"
    write_volume(path, mask, result.geometry)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: (str(path), ""))
    before = window.desk
    window.tab.control.begin_from_mask()
    session = window.widget.session
    window.qtbot.waitUntil(lambda: session.desk not in (None, before))
    assert session.desk is not None
    assert session.desk.review.has_start
    np.testing.assert_array_equal(session.desk.review.labels(), mask)
    with pytest.raises(SettingsError, match="before its first decision"):
        window.tab.control.begin_from_mask()


def test_deleted_layers_leave_the_review_whole_and_come_back(window: ReviewWindow) -> None:
    tab, heat = window.tab, window.widget.layers.heat_map("mutual_information")
    assert not tab.messages.restore.isVisible()
    for layer in (window.reviewed, window.layer("regions"), heat):
        window.viewer.layers.remove(layer)
        window.settle()
    assert "Restore layers" in tab.messages.message.text()
    assert tab.messages.restore.isVisible()
    for key in (Key.Key_J, Key.Key_K, Key.Key_G, Key.Key_W, Key.Key_W, Key.Key_Q):
        window.press(key)
    tab.panel.thresholds.upper_box.setValue(0.3)
    window.wait(lambda: window.desk.settings.upper == pytest.approx(0.3))
    assert window.desk.statuses[2] is Status.REJECTED
    tab.messages.restore.click()
    window.settle()
    assert not tab.messages.restore.isVisible()
    assert window.widget.layers.heat_map("mutual_information").visible
    np.testing.assert_array_equal(window.reviewed.data, window.desk.review.mask.labels)
    assert window.layer("regions") in window.viewer.layers


def test_the_question_mark_lists_every_key(window: ReviewWindow) -> None:
    window.press(Key.Key_Question, SHIFT)
    sheet = window.tab.control._cheat_sheet
    assert sheet is not None
    assert sheet.isVisible()
    text = sheet.text.toPlainText()
    for action in ACTIONS:
        assert action.tooltip in text
        assert action.key_text in text
    QTest.keyClick(sheet, Key.Key_Escape)
    assert not sheet.isVisible()
    window.tab.decisions.buttons["show_keys"].click()
    assert sheet.isVisible()
    sheet.close()


def test_crops_are_cut_as_chosen_and_refused_in_words(
    window: ReviewWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = window.tab.files
    files.choice.setCurrentIndex(1)
    files.margin.setValue(3)
    assert window.tab.control.crop_settings == CropSettings(CropChoice.DECIDED, margin=3)
    proposed = choose(monkeypatch, str(tmp_path / "crops"), "New folder (*)")
    files.buttons["save_crops"].click()
    assert proposed[0][0].endswith("r-crops")
    window.wait(lambda: not window.desk.is_busy)
    window.settle()
    assert "no place to cut out yet (all decided)" in window.tab.messages.message.toolTip()
    assert not (tmp_path / "crops").exists()
    assert files.buttons["save_crops"].text() == "Save crops\u2026"
