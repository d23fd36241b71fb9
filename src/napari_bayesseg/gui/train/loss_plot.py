"""The loss of a training as it comes in."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyqtgraph as pg
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_bayesseg.training.progress import Progress

__all__ = ["LossPlot"]

_TRAINING, _VALIDATION = "#56b4e9", "#e69f00"  # Okabe and Ito
_HEIGHT = 170
_MEMORY = 0.95
"""Of the smooth line: how much of it stays from step to step."""
_MOST_POINTS = 2000


class LossPlot(QWidget):
    """Loss against steps: each step lightly, their running mean, and the held-out scans' marks.

    The members of an ensemble follow one another along the same axis.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps: list[int] = []
        self._losses: list[float] = []
        self._means: list[float] = []
        self._validation: list[tuple[int, float]] = []
        self._first_of_members: list[int] = []
        self.plot = pg.PlotWidget()
        self.plot.setFixedHeight(_HEIGHT)
        self.plot.setMenuEnabled(False)
        self.plot.setToolTip(
            "Loss of each training step (thin), its running mean (thick), and of the held-out\n"
            "scans (marks), in nats per voxel; the wheel zooms, a right click shows all again"
        )
        item = self.plot.getPlotItem()
        item.hideButtons()
        item.setMouseEnabled(x=True, y=False)
        item.setLabel("bottom", "step")
        item.setLabel("left", "loss (nat per voxel)")
        item.getAxis("left").enableAutoSIPrefix(False)
        item.getAxis("bottom").enableAutoSIPrefix(False)
        self._legend = item.addLegend(offset=(-8, 4), labelTextSize="8pt")
        self._each = self.plot.plot([], [], pen=pg.mkPen(_faint(_TRAINING), width=1))
        self._mean = self.plot.plot([], [], pen=pg.mkPen(_TRAINING, width=2), name="training")
        self._checks = self.plot.plot(
            [],
            [],
            pen=pg.mkPen(_VALIDATION, width=1),
            symbol="o",
            symbolSize=6,
            symbolBrush=_VALIDATION,
            symbolPen=None,
            name="held out",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)
        self.plot.scene().sigMouseClicked.connect(self._on_clicked)

    @property
    def num_steps(self) -> int:
        """How many steps are drawn."""
        return len(self._steps)

    @property
    def checks(self) -> tuple[tuple[int, float], ...]:
        """Step and loss of the held-out scans, where it was taken."""
        return tuple(self._validation)

    def clear(self) -> None:
        """Begin another training."""
        for values in (self._steps, self._losses, self._means, self._validation):
            values.clear()
        self._draw()
        self.show_all()

    def add(self, steps: Iterable[Progress]) -> None:
        """Go on with more steps."""
        for now in steps:
            step = (now.member - 1) * now.steps + now.step
            before = self._means[-1] if self._means and now.step > 1 else now.loss
            # The first steps weigh as in a plain mean, so that the line begins where they lie.
            memory = min(_MEMORY, (now.step - 1) / now.step)
            self._steps.append(step)
            self._losses.append(now.loss)
            self._means.append(memory * before + (1 - memory) * now.loss)
            if now.validation is not None:
                self._validation.append((step, now.validation))
        self._draw()

    def set_colours(self, background: str, text: str) -> None:
        """Take over the colours of the window's theme."""
        self.plot.setBackground(background)
        item = self.plot.getPlotItem()
        for name in ("left", "bottom"):
            axis = item.getAxis(name)
            axis.setPen(text)
            axis.setTextPen(text)
        self._legend.setLabelTextColor(text)

    def show_all(self) -> None:
        """Show all steps again."""
        self.plot.getPlotItem().enableAutoRange()

    def _draw(self) -> None:
        kept = slice(None, None, max(1, len(self._steps) // _MOST_POINTS))
        steps = np.array(self._steps[kept], dtype=float)
        self._each.setData(steps, np.array(self._losses[kept], dtype=float))
        self._mean.setData(steps, np.array(self._means[kept], dtype=float))
        checks = np.array(self._validation, dtype=float).reshape(-1, 2)
        self._checks.setData(checks[:, 0], checks[:, 1])

    def _on_clicked(self, event: object) -> None:
        button = getattr(event, "button", None)
        if button is not None and "Right" in str(button()):
            self.show_all()


def _faint(colour: str) -> QColor:
    faint = QColor(colour)
    faint.setAlpha(90)
    return faint
