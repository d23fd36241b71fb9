from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_bayesseg.gui.review.threshold_slider import ThresholdSlider

pytestmark = pytest.mark.viewer

COUNTS = np.arange(1024)[::-1]


@pytest.fixture
def thresholds(qtbot: QtBot) -> ThresholdSlider:
    widget = ThresholdSlider()
    qtbot.addWidget(widget)
    widget.resize(340, 160)
    widget.set_source((-0.1, 0.9), COUNTS, "nat")
    widget.set_values(0.1, 0.5)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def handle(thresholds: ThresholdSlider, value: float) -> QPoint:
    """Return where the slider has a value, in its own pixels."""
    slider = thresholds.slider
    left, right = thresholds.handle_span()
    share = (value - slider.minimum()) / (slider.maximum() - slider.minimum())
    shift = thresholds.histogram.x() - slider.x()
    return QPoint(round(left + share * (right - left) + shift), slider.height() // 2)


def test_it_shows_what_it_was_given(thresholds: ThresholdSlider) -> None:
    assert thresholds.values == pytest.approx((0.1, 0.5))
    assert (thresholds.lower_box.value(), thresholds.upper_box.value()) == pytest.approx((0.1, 0.5))
    assert thresholds.histogram.thresholds == pytest.approx((0.2, 0.6))
    assert thresholds.findChildren(type(thresholds._captions[0]))[0].text() == "Lower (nat)"


def test_setting_values_is_silent(thresholds: ThresholdSlider, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(thresholds.dragged), qtbot.assertNotEmitted(thresholds.released):
        thresholds.set_values(0.2, 0.4)
        thresholds.set_source((0.0, 1.0), COUNTS, "probability")
        qtbot.wait(300)


def test_a_handle_stands_under_its_line(thresholds: ThresholdSlider) -> None:
    """Histogram and slider share one axis."""
    slider = thresholds.slider
    for index, share in enumerate(thresholds.histogram.thresholds):
        left, right = thresholds.histogram.span
        line = thresholds.histogram.x() + left + share * (right - left)
        rect = slider._handleRect(index)
        assert slider.x() + rect.x() + rect.width() / 2 == pytest.approx(line, abs=1.5)


def test_a_drag_is_told_step_by_step_and_released_once(
    thresholds: ThresholdSlider, qtbot: QtBot
) -> None:
    dragged, released = [], []
    thresholds.dragged.connect(lambda *values: dragged.append(values))
    thresholds.released.connect(lambda *values: released.append(values))
    slider, button = thresholds.slider, Qt.MouseButton.LeftButton
    QTest.mousePress(slider, button, pos=handle(thresholds, 0.1))
    for value in (0.15, 0.2, 0.3):
        QTest.mouseMove(slider, handle(thresholds, value))
        qtbot.wait(5)
    assert len(dragged) >= 3
    assert released == []
    QTest.mouseRelease(slider, button, pos=handle(thresholds, 0.3))
    qtbot.wait(300)
    assert len(released) == 1
    assert released[0] == pytest.approx((0.3, 0.5), abs=0.01)
    assert thresholds.lower_box.value() == pytest.approx(released[0][0], abs=1e-4)


def test_somebody_elses_values_do_not_take_a_moving_handle_away(
    thresholds: ThresholdSlider,
) -> None:
    thresholds.slider.setSliderDown(True)
    thresholds.slider.setValue((0.3, 0.5))
    thresholds.set_values(0.1, 0.5)
    assert thresholds.values == pytest.approx((0.3, 0.5))


def test_a_typed_number_is_released_when_it_rests(
    thresholds: ThresholdSlider, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(thresholds.released, timeout=2000) as released:
        thresholds.upper_box.setValue(0.75)
        thresholds.set_values(*thresholds.values)  # as the desk says it back
    assert released.args == pytest.approx([0.1, 0.75])


def test_the_lower_threshold_stays_below_the_upper(thresholds: ThresholdSlider) -> None:
    thresholds.lower_box.setValue(0.8)
    assert thresholds.values == pytest.approx((0.5, 0.5), abs=1e-3)


def test_numbers_have_as_many_digits_as_the_slider_has_steps(thresholds: ThresholdSlider) -> None:
    thresholds.set_source((0.0, 2e-4), COUNTS, "nat")
    thresholds.set_values(1.0123e-4, 1.5e-4)
    assert thresholds.lower_box.value() == pytest.approx(1.0123e-4, rel=1e-3)


def test_a_measure_that_is_the_same_everywhere_has_an_axis_too(thresholds: ThresholdSlider) -> None:
    thresholds.set_source((0.0, 0.0), np.zeros(1024, int), "nat")
    thresholds.set_values(0.0, 0.0)
    assert thresholds.values == pytest.approx((0.0, 0.0))
