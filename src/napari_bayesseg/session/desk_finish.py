"""When a person may stop: milestones on the way, and the line at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_bayesseg.core.unit_symbols import percent_text
from napari_bayesseg.review.regions.queue import RegionQueue
from napari_bayesseg.review.regions.region_columns import Statuses
from napari_bayesseg.review.status import Status

if TYPE_CHECKING:
    from napari_bayesseg.session.desk import ReviewDesk

__all__ = ["FinishLine", "Progress"]

_MILESTONES = (0.5, 0.8, 0.95)


@dataclass(frozen=True)
class Progress:
    """How far a review is at its thresholds.

    Attributes
    ----------
    must_see : int
        Regions whose maximum reaches the upper threshold.
    undecided : int
        Of them, those that are pending or deferred.
    resolved : float
        Of the regions' expected error, that of the decided ones, from 0 to 1.
    unseen : float
        Of all expected error, that outside the regions that were looked at, from 0 to 1. An
        accepted region that needed no look counts as one that got none.
    """

    must_see: int
    undecided: int
    resolved: float
    unseen: float

    @classmethod
    def of(cls, queue: RegionQueue, upper: float, total: float) -> Progress:
        """Read the progress off a queue.

        Parameters
        ----------
        queue : RegionQueue
        upper : float
            Threshold, in the measure's unit.
        total : float
            Expected error of the whole scan, in cubic units of it.
        """
        columns, statuses = queue.columns, Statuses.of(queue.columns, queue.statuses)
        must_see = columns.maxima >= upper
        accepted = statuses.are(Status.ACCEPTED)
        decided = accepted | statuses.are(Status.REJECTED, Status.EDITED)
        seen = decided & (must_see | ~accepted)
        unseen = 1.0 - float(columns.errors[seen].sum()) / total if total > 0 else 0.0
        undecided = int(np.count_nonzero(must_see & ~decided))
        return cls(
            int(np.count_nonzero(must_see)), undecided, queue.resolved_share, max(0.0, unseen)
        )

    @property
    def is_done(self) -> bool:
        """Whether all that must be looked at is decided, and there was something."""
        return self.must_see > 0 and self.undecided == 0

    def __str__(self) -> str:
        if not self.is_done:
            return ""
        regions = f"All {self.must_see:,} regions" if self.must_see > 1 else "The one region"
        return (
            f"{regions} to look at {'are' if self.must_see > 1 else 'is'} decided; "
            f"{percent_text(self.unseen)} of the expected error lies in what nobody looked at: "
            "audit it (page Audit) or stop."
        )


class FinishLine:
    """Tells milestones of a :class:`~napari_bayesseg.session.desk.ReviewDesk`, each of them once.

    What was reached before, or is reached by other thresholds, is not told: nobody did it now.

    Parameters
    ----------
    desk : ReviewDesk
        Its ``notice`` is used.
    """

    def __init__(self, desk: ReviewDesk) -> None:
        self._desk = desk
        self._queue: RegionQueue | None = None
        self._progress: Progress | None = None
        self._upper = float("nan")
        self._told: set[float] = set()
        self._on_regions()
        desk.regions_changed.connect(self._on_regions)
        desk.thresholds_changed.connect(self._on_regions)
        desk.statuses_changed.connect(self._on_statuses)

    @property
    def progress(self) -> Progress:
        """How far the review is now."""
        desk = self._desk
        if self._progress is None or (self._queue, self._upper) != (
            desk.queue,
            desk.settings.upper,
        ):
            self._queue, self._upper = desk.queue, desk.settings.upper
            self._progress = Progress.of(desk.queue, self._upper, desk.source.curve.total)
        return self._progress

    def _on_regions(self) -> None:
        """Take what is reached already for told."""
        progress = self.progress
        self._told.update(share for share in _MILESTONES if progress.resolved >= share)
        if progress.is_done:
            self._told.add(1.0)
        else:
            self._told.discard(1.0)  # others must be looked at now

    def _on_statuses(self) -> None:
        progress = self.progress
        reached = [share for share in _MILESTONES if progress.resolved >= share]
        fresh = [share for share in reached if share not in self._told]
        self._told.update(reached)
        if progress.is_done and 1.0 not in self._told:
            self._told.add(1.0)
            self._desk.notice.emit(str(progress))
        elif fresh and 1.0 not in self._told:
            self._desk.notice.emit(
                f"you have resolved {100 * fresh[-1]:.0f} % of the regions' expected error"
            )
