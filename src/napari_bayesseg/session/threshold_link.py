"""The threshold on the curves of an evaluation, tied to that of the review."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_bayesseg.session.evaluated import Evaluated
from napari_bayesseg.session.threshold_worth import Worth

if TYPE_CHECKING:
    from napari_bayesseg.session.desk import ReviewDesk

__all__ = ["ThresholdLink"]

_REVIEWED_AT_FIRST = 0.05


class ThresholdLink:
    """One threshold for the curves and, where both go by one measure, for the review.

    It is the review's lower one, below which voxels are accepted without a look. Whoever moves
    either is told of by the other; nobody is told twice.

    Signals:

    - ``threshold_changed(float)``: in the measure's unit; also while a handle moves.
    - ``link_changed(bool)``: the review goes by the evaluated measure, or no longer.

    Parameters
    ----------
    desk : ReviewDesk
    """

    threshold_changed = Signal(float)
    link_changed = Signal(bool)

    def __init__(self, desk: ReviewDesk) -> None:
        self._desk = desk
        self._evaluated: tuple[Evaluated, ...] = ()
        self._threshold = 0.0
        self._was_moved = False
        self._carried: float | None = None
        desk.measure_changed.connect(self._on_measure)
        desk.thresholds_changed.connect(self._on_thresholds)

    @property
    def is_linked(self) -> bool:
        """Whether the review goes by the measure that was evaluated."""
        return self.measure is not None and self.measure == self.review_measure

    @property
    def measure(self) -> str | None:
        """That was evaluated; None before."""
        return self._evaluated[0].measure if self._evaluated else None

    @property
    def review_measure(self) -> str:
        """By which the review finds its regions."""
        return self._desk.settings.measure

    @property
    def threshold(self) -> float:
        """Above which is looked at."""
        return self._threshold

    @property
    def worths(self) -> tuple[Worth, ...]:
        """What the threshold is worth in each result."""
        return tuple(one.worth.at(self._threshold) for one in self._evaluated)

    def drag(self, threshold: float) -> None:
        """Move the threshold while a handle is held; the review's follows at once."""
        if self.is_linked:
            self._desk.drag(*self._both(threshold))
        else:
            self._was_moved = True
            self._set(threshold)

    def release(self, threshold: float) -> None:
        """Put the threshold where a handle was let go; the review finds its regions there."""
        if self.is_linked:
            self._desk.release(*self._both(threshold))
        else:
            self._was_moved = True
            self._set(threshold)

    def use_in_review(self) -> None:
        """Let the review go by the evaluated measure, at this threshold where it was moved."""
        if self.measure is not None and not self.is_linked:
            self._carried = self._threshold if self._was_moved else None
            self._desk.set_measure(self.measure)

    def take(self, evaluated: tuple[Evaluated, ...]) -> None:
        """Take over what was evaluated; a threshold on the same measure stays."""
        former, self._evaluated = self.measure, evaluated
        if self.is_linked:
            self._threshold = self._desk.settings.lower
        elif evaluated and self.measure != former:
            self._threshold = evaluated[0].worth.threshold_of(_REVIEWED_AT_FIRST)
            self._was_moved = False
        self.link_changed.emit(self.is_linked)
        self.threshold_changed.emit(self._threshold)

    def close(self) -> None:
        """Follow the review no more."""
        self._desk.measure_changed.disconnect(self._on_measure)
        self._desk.thresholds_changed.disconnect(self._on_thresholds)
        self._evaluated = ()

    def _set(self, threshold: float) -> None:
        if threshold != self._threshold:
            self._threshold = threshold
            self.threshold_changed.emit(threshold)

    def _both(self, lower: float) -> tuple[float, float]:
        """Return both thresholds of the review; the upper one gives way to the lower."""
        low, high = self._desk.source.bounds
        lower = float(np.clip(lower, low, high))
        return lower, max(lower, self._desk.settings.upper)

    def _on_thresholds(self, lower: float, _: float) -> None:
        if self.is_linked:
            self._set(lower)

    def _on_measure(self, _: str) -> None:
        carried, self._carried = self._carried, None
        self.link_changed.emit(self.is_linked)
        if self.is_linked and carried is not None:
            # Once the desk has told of its new regions: these are asked for in their place.
            self._desk.background.post(lambda: self.release(carried))
