"""The Evaluate tab in a real window, with a real review behind it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_bayesseg.gui.evaluate.curve_kinds import CURVE_KINDS
from tests.gui.evaluate_window import EvaluateWindow
from tests.session.hearing import Heard
from tests.session.places import MEASURE, UPPER
from tests.session.truths import write_guess

pytestmark = pytest.mark.viewer

FOUND, RISK, PATCHES, RELIABILITY = range(4)


def test_scores_and_curves_come_with_a_click(
    window: EvaluateWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = window.evaluate_tab
    assert tab.form.truth.choice.currentText() == "truth"
    assert tab.form.measure.currentData() == MEASURE
    assert not tab.scores.isVisible()
    window.evaluate()
    (one,) = window.evaluation.evaluated
    assert tab.scores.isVisible()
    assert tab.scores.item(0, 0).text() == "Dice: class 0"
    assert tab.scores.item(0, 1).text() == f"{one.evaluation.dice['class 0']:.3f}"
    assert tab.scores.item(0, 1).toolTip() == tab.scores.item(0, 0).toolTip() != ""
    assert list(tab.curves.plot.curves) == ["r", "at random"]
    np.testing.assert_allclose(
        tab.curves.plot.curves["r"].y, 100 * np.array(one.curves.error_removed.removed)
    )
    assert window.readout == str(one.worth.at(window.desk.settings.lower))
    assert tab.link_note.text.text() == "The line is the review's lower threshold."
    assert not tab.link_note.use.isVisible()
    assert tab.judge_box.judge.isVisible()
    assert tab.message.isHidden()
    show_every_kind(window)
    folder = window.desk.result.path.with_name("report")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(folder), ""))
    tab.save_button.click()
    window.wait(lambda: not tab.message.isHidden())
    assert tab.message.text() == "Done: report: report.html and report.json written"
    assert (folder / "report.html").is_file()


def show_every_kind(window: EvaluateWindow) -> None:
    curves = window.evaluate_tab.curves
    (one,) = window.evaluation.evaluated
    curves.kinds.setCurrentIndex(RISK)
    np.testing.assert_allclose(
        curves.plot.curves["r"].y, 100 * np.array(one.curves.risk_coverage.risk)
    )
    curves.kinds.setCurrentIndex(PATCHES)
    assert list(curves.plot.curves) == ["sure and right", "wrong and unsure", "PAvPU"]
    patches = curves.plot.curves["PAvPU"]
    np.testing.assert_allclose(patches.y[:-1], 100 * np.array(one.curves.pavpu.pavpu))
    np.testing.assert_allclose(patches.x[:-1], one.curves.pavpu.threshold)
    assert (patches.x[-1], patches.y[-1]) == (one.worth.bounds[1], patches.y[-2])
    curves.kinds.setCurrentIndex(RELIABILITY)
    assert curves.plot.line is None
    assert curves.plot.curves["r"].style == "bars"
    np.testing.assert_allclose(
        curves.plot.curves["r"].y, 100 * np.array(one.curves.reliability.accuracy)
    )


def test_dragging_the_line_moves_the_slider_of_the_review(window: EvaluateWindow) -> None:
    window.evaluate()
    tab, slider = window.evaluate_tab, window.tab.panel.thresholds
    (one,) = window.evaluation.evaluated
    for kind, wanted in ((PATCHES, 0.2), (FOUND, 0.12), (RISK, 0.16)):
        tab.curves.kinds.setCurrentIndex(kind)
        window.settle()
        place_of = CURVE_KINDS[kind].place_of
        start, place = tab.curves.plot.line, place_of(one.worth, wanted)
        assert start == pytest.approx(place_of(one.worth, window.desk.settings.lower))
        regions = Heard(window.desk)
        window.drag_line(0.5 * (start + place), place, release=False)
        held = window.link.threshold
        assert held == pytest.approx(wanted, abs=0.03)
        assert slider.values == pytest.approx((held, UPPER))  # at once
        assert window.readout == str(one.worth.at(held))
        assert regions["regions_changed"] == []
        window.release_line(place)
        window.wait_for(regions, "regions_changed")
        assert len(regions["regions_changed"]) == 1
        window.settle()
        lower = window.desk.settings.lower
        assert lower == pytest.approx(held, abs=5e-3)
        assert slider.values[0] == pytest.approx(lower)
        assert window.link.threshold == lower
        assert tab.curves.plot.line == pytest.approx(place_of(one.worth, lower))


def test_moving_the_slider_moves_the_line(window: EvaluateWindow) -> None:
    window.evaluate()
    slider, plot = window.tab.panel.thresholds.slider, window.evaluate_tab.curves.plot
    (one,) = window.evaluation.evaluated
    emitted = []
    window.evaluate_tab.curves.dragged.connect(emitted.append)
    window.evaluate_tab.curves.released.connect(emitted.append)
    slider.setSliderDown(True)
    slider.setValue((0.16, UPPER))
    assert plot.line == pytest.approx(100 * one.worth.at(0.16).reviewed)
    assert plot.canvas.line.value() == pytest.approx(plot.line)
    assert window.readout == str(one.worth.at(0.16))
    slider.setSliderDown(False)
    window.wait(lambda: window.desk.settings.lower == pytest.approx(0.16, abs=1e-3))
    window.settle()
    assert window.link.threshold == window.desk.settings.lower
    assert emitted == []  # no echo


def test_the_reviewed_mask_is_offered_as_a_truth(window: EvaluateWindow) -> None:
    window.evaluate_tab.form.truth.choose(None)
    window.evaluate()
    texts = [window.evaluate_tab.scores.item(row, 1).text() for row in range(2)]
    assert texts == ["1.000", "1.000"]
    assert "no error: there is none" in window.readout


def test_another_measure_says_so_and_the_review_can_follow(window: EvaluateWindow) -> None:
    tab = window.evaluate_tab
    window.evaluate()
    tab.form.measure.setCurrentIndex(tab.form.measure.findData("expected_error"))
    window.settle()
    assert not window.link.is_linked
    assert tab.link_note.use.isVisible()
    text = tab.link_note.text.text()
    assert "mutual information" in text
    assert "expected error" in text
    before = window.tab.panel.thresholds.values
    window.drag_line(10.0, 3.0)
    assert window.tab.panel.thresholds.values == before
    wanted = window.link.threshold
    tab.link_note.use.click()
    window.wait(lambda: window.link.is_linked and not window.desk.is_busy)
    window.wait(lambda: window.desk.settings.lower == pytest.approx(wanted, abs=2e-3))
    assert window.tab.panel.measure.currentData() == "expected_error"
    assert not tab.link_note.use.isVisible()


def test_a_second_result_is_a_second_curve(
    window: EvaluateWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.evaluate()
    tab = window.evaluate_tab
    guess = write_guess(tmp_path / "guess.zarr", window.desk.result)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(guess.path))
    assert not tab.clear_button.isVisible()
    tab.add_button.click()
    window.wait(lambda: len(window.evaluation.evaluated) == 2)
    window.settle()
    assert list(tab.curves.plot.curves) == ["r", "guess", "at random"]
    assert tab.scores.columnCount() == 3
    assert [tab.scores.horizontalHeaderItem(column).text() for column in (1, 2)] == ["r", "guess"]
    row = tab.scores.rowCount() - 1
    bold = [tab.scores.item(row, column).font().bold() for column in (1, 2)]
    assert bold == [True, False]
    assert "guess: " in window.readout
    for kind, count in ((RISK, 2), (PATCHES, 7), (RELIABILITY, 3)):
        tab.curves.kinds.setCurrentIndex(kind)
        assert len(tab.curves.plot.curves) == count
    tab.clear_button.click()
    assert tab.scores.columnCount() == 2


def test_what_fails_is_said_and_the_tab_can_be_used_again(
    window: EvaluateWindow, tmp_path: Path
) -> None:
    tab = window.evaluate_tab
    tab.form.truth.add_file(tmp_path / "gone.tif")
    tab.judge_box.judge.click()
    window.wait(lambda: not tab.message.isHidden())
    assert tab.message.text().startswith("Error: ")
    assert "gone.tif" in tab.message.text()
    assert tab.judge_box.judge.isVisible()
    assert tab.form.isEnabled()


def test_without_a_review_there_is_nothing_to_judge(window: EvaluateWindow) -> None:
    window.evaluate()
    window.widget.session.close_result()
    assert not window.widget.tabs.isTabEnabled(window.index)
    assert window.evaluate_tab.curves.plot.curves == {}
    assert window.evaluate_tab.scores.rowCount() == 0
    window.evaluate_tab.evaluate()  # says nothing, does nothing


def test_it_fits_a_narrow_dock_in_both_themes(window: EvaluateWindow) -> None:
    window.viewer.window.resize(1280, 800)
    window.evaluate()
    tab, tabs = window.evaluate_tab, window.widget.tabs
    tab.message.show_message("error", "/a/long/path" * 30)
    window.qtbot.wait(100)
    assert tabs.width() <= 400
    parts = (
        tab.form.truth.file_button, tab.form.measure, tab.judge_box.judge, tab.scores,
        tab.curves.kinds, tab.curves.plot, tab.curves.readout, tab.save_button, tab.message,
    )  # fmt: skip
    for part in parts:
        assert part.mapTo(tabs, part.rect().topRight()).x() < tabs.width(), part
    for theme in ("dark", "light"):
        window.viewer.theme = theme
        window.qtbot.wait(50)
        text = tab.curves.plot.palette().windowText().color().lightness()
        surface = tab.curves.plot.canvas.view.backgroundBrush().color().lightness()
        assert (surface < text) == (theme == "dark")
