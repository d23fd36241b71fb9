"""The curves of an evaluation, and on them the line that is the threshold."""

from __future__ import annotations

from textwrap import fill

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QLabel, QSizePolicy, QWidget

from napari_bayesseg.gui.evaluate.curve_kinds import CURVE_KINDS, CurveKind
from napari_bayesseg.gui.plots import Plot
from napari_bayesseg.gui.rows import in_column, let_shrink
from napari_bayesseg.session.evaluated import Evaluated

__all__ = ["CurvePlot"]


class CurvePlot(QWidget):
    """A list of kinds of curves, the plot, and what its line means.

    Emits `dragged` for every step of the line and `released` when it is let go, both with the
    threshold; :meth:`set_threshold` emits nothing.
    """

    dragged = Signal(float)
    released = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._evaluated: tuple[Evaluated, ...] = ()
        self._threshold = 0.0
        self.kinds = QComboBox()
        self.kinds.setAccessibleName("Curve")
        let_shrink(self.kinds)
        for number, kind in enumerate(CURVE_KINDS):
            self.kinds.addItem(kind.title)
            self.kinds.setItemData(number, fill(kind.meaning), Qt.ItemDataRole.ToolTipRole)
        self.plot = Plot()
        self.plot.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.readout = QLabel()
        self.readout.setWordWrap(True)
        self.readout.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.readout.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.readout.setToolTip("What the threshold costs and brings, judged against the truth")
        in_column(self, self.kinds, self.plot, self.readout, spacing=3)
        self.kinds.currentIndexChanged.connect(self._redraw)
        self.plot.line_dragged.connect(self._on_dragged)
        self.plot.line_released.connect(self._on_released)

    @property
    def kind(self) -> CurveKind:
        """What is shown."""
        return CURVE_KINDS[self.kinds.currentIndex()]

    def show_evaluated(self, evaluated: tuple[Evaluated, ...], threshold: float) -> None:
        """Draw the curves of some results, the line by the first of them; nothing for none."""
        self._evaluated, self._threshold = evaluated, threshold
        self._redraw()

    def set_threshold(self, threshold: float) -> None:
        """Put the line where somebody else has put the threshold; one that is held stays."""
        self._threshold = threshold
        self._show_line()

    def _redraw(self) -> None:
        kind, plot = self.kind, self.plot
        self.kinds.setToolTip(fill(kind.meaning))
        plot.clear()
        if not self._evaluated:
            self.readout.clear()
            return
        unit = self._evaluated[0].worth.unit
        plot.set_labels(kind.x_label.format(unit=unit), kind.y_label)
        plot.set_ranges(kind.x_range or self._thresholds(), kind.y_range)
        for curve in kind.draw(self._evaluated):
            plot.set_curve(curve.name, curve.x, curve.y, colour=curve.colour, style=curve.style)
        self._show_line()

    def _thresholds(self) -> tuple[float, float]:
        """Return the lowest and the highest threshold; a measure with one value has an axis too."""
        bounds = [bound for one in self._evaluated for bound in one.worth.bounds]
        low, high = min(bounds), max(bounds)
        return low, high if high > low else low + 1.0

    def _show_line(self) -> None:
        kind = self.kind
        if not self._evaluated:
            return
        worth = self._evaluated[0].worth
        if kind.place_of is None:
            self.plot.set_line(None)
        else:
            ends = [kind.place_of(worth, bound) for bound in worth.bounds]
            self.plot.set_line(kind.place_of(worth, self._threshold), (min(ends), max(ends)))
        self._show_readout()

    def _show_readout(self) -> None:
        worths = [one.worth.at(self._threshold) for one in self._evaluated]
        lines = [str(worths[0])]
        for one, worth in zip(self._evaluated[1:], worths[1:], strict=True):
            lines.append(f"{one.name}: {worth.brief}")
        self.readout.setText("\n".join(lines).replace(" %", "\u00a0%"))

    def _on_dragged(self, place: float) -> None:
        self._move(place)
        self.dragged.emit(self._threshold)

    def _on_released(self, place: float) -> None:
        self._move(place)
        self.released.emit(self._threshold)
        self._show_line()

    def _move(self, place: float) -> None:
        threshold_at = self.kind.threshold_at
        if threshold_at is not None and self._evaluated:
            self._threshold = threshold_at(self._evaluated[0].worth, place)
            self._show_readout()
