"""The loss of a training as it comes in."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_bayesseg.gui.plots import Plot
from napari_bayesseg.training.progress import Progress

__all__ = ["LossPlot", "fit_of"]

_STEPS, _MEAN, _HELD_OUT = "_each step", "training", "held out"
_MEMORY = 0.95
"""Of the running mean: how much of it stays from step to step."""
_MOST_POINTS = 2000
_FIT = ("negative_log_likelihood", "cross_entropy")


def fit_of(now: Progress) -> float:
    """Return the part of a step's loss that the held-out scans' loss is measured by."""
    for name in _FIT:
        if name in now.terms:
            return now.terms[name]
    return now.loss


class LossPlot(QWidget):
    """Cross-entropy against steps: each step faintly, a running mean, marks of held-out scans.

    The members of an ensemble follow one another along the same axis.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps: list[int] = []
        self._losses: list[float] = []
        self._means: list[float] = []
        self._checks: list[tuple[int, float]] = []
        self.plot = Plot()
        self.plot.set_labels("step", "cross-entropy (nat per voxel)")
        self.plot.setToolTip(
            "Cross-entropy of each step (faint), its running mean, and of the held-out scans"
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)

    @property
    def num_steps(self) -> int:
        """How many steps are drawn."""
        return len(self._steps)

    @property
    def checks(self) -> tuple[tuple[int, float], ...]:
        """Step and loss of the held-out scans, where it was taken."""
        return tuple(self._checks)

    def clear(self) -> None:
        """Begin another training."""
        for values in (self._steps, self._losses, self._means, self._checks):
            values.clear()
        self.plot.clear()

    def add(self, steps: Iterable[Progress]) -> None:
        """Go on with more steps."""
        for now in steps:
            step = (now.member - 1) * now.steps + now.step
            loss = fit_of(now)
            before = self._means[-1] if self._means and now.step > 1 else loss
            # The first steps weigh as in a plain mean, so that the line begins where they lie.
            memory = min(_MEMORY, (now.step - 1) / now.step)
            self._steps.append(step)
            self._losses.append(loss)
            self._means.append(memory * before + (1 - memory) * loss)
            if now.validation is not None:
                self._checks.append((step, now.validation))
        if self._steps:
            self._draw()

    def _draw(self) -> None:
        kept = slice(None, None, -(-len(self._steps) // _MOST_POINTS))
        steps = self._steps[kept]
        self.plot.set_curve(_STEPS, steps, self._losses[kept], colour=0, style="faint")
        self.plot.set_curve(_MEAN, steps, self._means[kept], colour=0)
        if self._checks:
            places, values = zip(*self._checks, strict=True)
            self.plot.set_curve(_HELD_OUT, places, values, colour=1, style="dots")
