"""Upper part of the review tab: measure, thresholds, and what they mean."""

from __future__ import annotations

from dataclasses import replace

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget
from superqt.utils import signals_blocked

from napari_bayesseg.gui.layers import measure_title
from napari_bayesseg.gui.review.threshold_slider import ThresholdSlider
from napari_bayesseg.gui.rows import in_column, let_shrink
from napari_bayesseg.inference.result import Result
from napari_bayesseg.numerics.uncertainty import EXCESS_SUFFIX, get_measure, split_excess
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.regions.region_source import RegionSource
from napari_bayesseg.session.desk_line import LiveLine

__all__ = ["ThresholdPanel"]

_BUSY = "Working\u2026"


class _SteadyLabel(QLabel):
    """Wrapped text with room for three lines: it must not push the list about while it changes."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignTop)

    def heightForWidth(self, width: int) -> int:
        """Return the height of at least three lines."""
        return max(super().heightForWidth(width), 3 * self.fontMetrics().lineSpacing() + 8)


class ThresholdPanel(QWidget):
    """Measure, distribution, thresholds and the line that says what they mean."""

    measure_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.measure = QComboBox()
        self.measure.setToolTip(
            "What regions are found by. An excess is the measure over what is usual at that "
            "distance from the predicted boundary."
        )
        let_shrink(self.measure)
        self.thresholds = ThresholdSlider()
        self.line = _SteadyLabel()
        self._text, self._is_busy = "", False
        row = QHBoxLayout()
        row.addWidget(QLabel("Measure"))
        row.addWidget(self.measure, 1)
        layout = in_column(self, spacing=3)
        layout.addLayout(row)
        layout.addWidget(self.thresholds)
        layout.addWidget(self.line)
        self.measure.currentIndexChanged.connect(
            lambda: self.measure_chosen.emit(self.measure.currentData())
        )

    def set_result(self, result: Result) -> None:
        """Offer the measures of a result, each with its excess."""
        draws = result.settings.num_samples
        with signals_blocked(self.measure):
            self.measure.clear()
            for name in result.measures:
                if get_measure(name).needs_draws <= draws:
                    for choice in (name + EXCESS_SUFFIX, name):
                        self.measure.addItem(measure_title(choice), choice)

    def set_source(self, source: RegionSource, settings: RegionSettings) -> None:
        """Show the distribution of a measure and the thresholds on it."""
        with signals_blocked(self.measure):
            if self.measure.findData(source.measure) < 0:
                self.measure.addItem(measure_title(source.measure), source.measure)
            self.measure.setCurrentIndex(self.measure.findData(source.measure))
        unit = get_measure(split_excess(source.measure)[0]).unit
        self.thresholds.set_source(source.bounds, source.curve.counts, unit)
        self.thresholds.set_values(settings.lower, settings.upper)

    def set_line(self, line: LiveLine) -> None:
        """Say what the thresholds mean; what is decided has a line of its own further down."""
        self._text = str(replace(line, decided=0))
        self._show_text()

    def set_busy(self, is_busy: bool) -> None:
        """Say whether regions are being found, or a file is written."""
        self._is_busy = is_busy
        self._show_text()

    def _show_text(self) -> None:
        self.line.setText(f"{_BUSY} {self._text}" if self._is_busy else self._text)
