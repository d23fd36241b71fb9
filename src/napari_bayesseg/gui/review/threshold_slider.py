"""Two thresholds on one slider, under the distribution that they cut."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, Qt, QTimer, Signal
from qtpy.QtGui import QResizeEvent, QShowEvent
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QStyle,
    QStyleOptionSlider,
    QWidget,
)
from superqt import QDoubleRangeSlider
from superqt.utils import signals_blocked

from napari_bayesseg.gui.review.histogram import Histogram
from napari_bayesseg.gui.rows import in_column

__all__ = ["ThresholdSlider"]

_STEPS = 5000
_NAMES = ("Lower", "Upper")
_TIPS = (
    "Voxels below it are accepted without a look; regions form above it",
    "Regions whose maximum reaches it must be looked at; the others may be accepted together",
)


class ThresholdSlider(QWidget):
    """A lower and an upper threshold of one measure.

    Emits `dragged` for every step of a handle, and `released` once when it is let go, a number
    was typed, or a key or the wheel moved it. Setting values by :meth:`set_values` emits nothing.
    """

    dragged = Signal(float, float)
    released = Signal(float, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.histogram = Histogram()
        self.slider: QDoubleRangeSlider = QDoubleRangeSlider(  # type: ignore[no-untyped-call]
            Qt.Orientation.Horizontal
        )
        self.slider.setBarMovesAllHandles(False)
        self.slider.setToolTip("Drag a handle; the map follows at once, the list on release")
        self.lower_box = _spin_box(0)
        self.upper_box = _spin_box(1)
        self._captions = (QLabel(), QLabel())
        numbers = QGridLayout()
        numbers.setVerticalSpacing(0)
        for column, box in enumerate((self.lower_box, self.upper_box)):
            numbers.addWidget(self._captions[column], 0, column)
            numbers.addWidget(box, 1, column)
        layout = in_column(self, spacing=2)
        layout.addWidget(self.histogram)
        layout.addWidget(self.slider)
        layout.addLayout(numbers)
        # Wheel and arrow keys move without a press: the move is over when they rest.
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(250)
        self._rest.timeout.connect(self._release)
        self.slider.valueChanged.connect(self._on_slider)
        self.slider.sliderReleased.connect(self._release)
        self.lower_box.valueChanged.connect(lambda value: self._on_number(value, self.values[1]))
        self.upper_box.valueChanged.connect(lambda value: self._on_number(self.values[0], value))
        self._is_pending = False

    @property
    def values(self) -> tuple[float, float]:
        """Lower and upper threshold."""
        lower, upper = map(float, self.slider.value())
        return lower, upper

    def set_source(self, bounds: tuple[float, float], counts: NDArray[np.int64], unit: str) -> None:
        """Take over another measure.

        Parameters
        ----------
        bounds : (float, float)
            Least and greatest value: the slider's ends.
        counts : (n,) int
            Voxels in evenly wide bins between them.
        unit : str
            Written above the numbers.
        """
        low, high = bounds
        if not high > low:  # a constant measure still needs an axis
            high = low + 1.0
        step = (high - low) / _STEPS
        with (
            signals_blocked(self.slider),
            signals_blocked(self.lower_box),
            signals_blocked(self.upper_box),
        ):
            self.slider.setRange(low, high)
            self.slider.setSingleStep(step)
            self.slider.setPageStep(20 * step)
            for box in (self.lower_box, self.upper_box):
                box.setDecimals(max(0, 1 - math.floor(math.log10(step))))
                box.setRange(low, high)
                box.setSingleStep(20 * step)
        for caption, name in zip(self._captions, _NAMES, strict=True):
            caption.setText(f"{name} ({unit})")
        self.histogram.set_counts(counts)
        self._align()
        self._show_numbers()

    def set_values(self, lower: float, upper: float) -> None:
        """Show thresholds that somebody else has set; a moving handle is left alone."""
        if self.slider.isSliderDown() or (lower, upper) == self.values:
            return
        with signals_blocked(self.slider):
            self.slider.setValue((lower, upper))
        self._rest.stop()
        self._is_pending = False
        self._show_numbers()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep histogram and slider on one axis."""
        super().resizeEvent(event)
        self._align()

    def showEvent(self, event: QShowEvent) -> None:
        """Keep histogram and slider on one axis: the style is known from now on."""
        super().showEvent(event)
        self._align()

    def changeEvent(self, event: QEvent) -> None:
        """Another theme has other handles."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._align()

    def handle_span(self) -> tuple[float, float]:
        """Return where the middle of a handle stands at either end, in pixels of this widget."""
        option = QStyleOptionSlider()
        self.slider.initStyleOption(option)
        ends = []
        for position in (option.minimum, option.maximum):
            option.sliderPosition = position
            handle = self.slider.style().subControlRect(
                QStyle.ComplexControl.CC_Slider,
                option,
                QStyle.SubControl.SC_SliderHandle,
                self.slider,
            )
            ends.append(handle.x() + handle.width() / 2)
        offset = self.slider.x() - self.histogram.x()
        return ends[0] + offset, ends[1] + offset

    def _align(self) -> None:
        self.histogram.set_span(*self.handle_span())

    def _show_numbers(self) -> None:
        lower, upper = self.values
        with signals_blocked(self.lower_box), signals_blocked(self.upper_box):
            self.lower_box.setMaximum(upper)
            self.upper_box.setMinimum(lower)
            self.lower_box.setValue(lower)
            self.upper_box.setValue(upper)
        low, high = self.slider.minimum(), self.slider.maximum()
        shares = ((value - low) / (high - low) for value in (lower, upper))
        self.histogram.set_thresholds(*shares)

    def _on_slider(self) -> None:
        self._show_numbers()
        self._is_pending = True
        self.dragged.emit(*self.values)
        if not self.slider.isSliderDown():
            self._rest.start()

    def _on_number(self, lower: float, upper: float) -> None:
        with signals_blocked(self.slider):
            self.slider.setValue((lower, upper))
        self._show_numbers()
        self._is_pending = True
        self.dragged.emit(*self.values)
        self._rest.start()

    def _release(self) -> None:
        self._rest.stop()
        if self._is_pending:
            self._is_pending = False
            self.released.emit(*self.values)


def _spin_box(index: int) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setToolTip(_TIPS[index])
    box.setAccessibleName(f"{_NAMES[index]} threshold")
    # Half a typed number is not yet a threshold.
    box.setKeyboardTracking(False)
    box.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    return box
