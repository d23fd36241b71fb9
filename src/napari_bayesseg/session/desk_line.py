"""What the thresholds mean, in numbers and in one line of text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.unit_symbols import amount_text, cubic_symbol, unit_symbol
from napari_bayesseg.numerics.threshold_curve import ThresholdCurve
from napari_bayesseg.review.regions.queue import RegionQueue

__all__ = [
    "DEFAULT_SECONDS_PER_DECISION",
    "BulkPreview",
    "LiveLine",
    "QueueNumbers",
    "cubic_symbol",
    "duration",
    "unit_symbol",
    "volume_text",
]

DEFAULT_SECONDS_PER_DECISION = 5.0


def volume_text(volume: float, unit: str) -> str:
    """Return a volume with its unit: ``"12.3 µm³"``."""
    return f"{amount_text(volume)} {cubic_symbol(unit)}"


def _count(count: int) -> str:
    return f"{count:,} region{'' if count == 1 else 's'}"


def duration(minutes: float) -> str:
    """Return a time in words, as exact as a guess can be."""
    if minutes < 1:
        return "less than 1 min"
    return f"about {minutes:.0f} min" if minutes < 90 else f"about {minutes / 60:.1f} h"


@dataclass(frozen=True)
class LiveLine:
    """What is to be done at the thresholds, and what is left unseen.

    Attributes
    ----------
    regions : int
        Above the lower threshold.
    must_see : int
        Of them, those without a decision whose maximum reaches the upper threshold.
    share_of_voxels : float
        Of the processed voxels above the lower threshold, from 0 to 1.
    expected_error_unseen, expected_error_total : float
        Of the voxels outside all regions, which are below the lower threshold or in what is too
        small for a region, and of all voxels; in cubic `unit`.
    unit : str
        Full name of the length unit.
    minutes : float or None
        For the regions without a decision, at this person's pace; None where none is left.
    decided : int
        Regions that are accepted, rejected or edited.
    resolved_share : float
        Of the expected error of all regions, that of the decided ones, from 0 to 1.
    is_settled : bool
        False while a handle moves: the regions are then guessed from the last ones found.
    seconds_per_decision : float or None
        This person's pace; None before there is one.
    """

    regions: int
    must_see: int
    share_of_voxels: float
    expected_error_unseen: float
    expected_error_total: float
    unit: str
    minutes: float | None
    decided: int
    resolved_share: float
    is_settled: bool = True
    seconds_per_decision: float | None = None

    def __str__(self) -> str:
        about = "" if self.is_settled else "about "
        found = f"{about}{_count(self.regions)}, {self.must_see:,} to look at"
        unseen = self.expected_error_unseen
        share = unseen / self.expected_error_total if self.expected_error_total > 0 else 0.0
        parts = [
            found if self.regions else "no regions",
            f"{self.share_of_voxels:.1%}".replace("%", " %") + " of voxels",
            f"expected error left unseen {100 * share:.0f} % "
            f"({amount_text(unseen)} {cubic_symbol(self.unit)})",
        ]
        if self.minutes is not None:
            parts.append(duration(self.minutes))
        if self.decided:
            parts.append(f"{self.decided:,} decided, {100 * self.resolved_share:.0f} % resolved")
        return " · ".join(parts)


@dataclass(frozen=True)
class QueueNumbers:
    """What a line needs of a queue, gathered once so that a moving handle costs next to nothing.

    Attributes
    ----------
    threshold : float
        Above which the regions were found.
    maxima, pending_maxima : (n,) and (p,) float
        Of all regions and of those without a decision; rising, in the measure's unit.
    errors : float
        Expected error volume of all regions, in cubic `unit`.
    decided : int
    resolved_share : float
    unit : str
    """

    threshold: float
    maxima: NDArray[np.float64]
    pending_maxima: NDArray[np.float64]
    errors: float
    decided: int
    resolved_share: float
    unit: str

    @classmethod
    def of(cls, queue: RegionQueue) -> QueueNumbers:
        """Gather the numbers of a queue."""
        return cls(
            queue.table.threshold,
            queue.columns.maxima[queue.columns.by_maximum],
            queue.pending_maxima(),
            float(queue.columns.errors.sum()),
            len(queue.columns) - queue.remaining,
            queue.resolved_share,
            queue.table.unit,
        )

    def line(
        self, curve: ThresholdCurve, lower: float, upper: float, seconds_per_decision: float | None
    ) -> LiveLine:
        """Return the line at two thresholds.

        Exact where `lower` is that of the regions. Elsewhere they are guessed: higher up those
        whose maximum is still above it, further down at least those that there are. What is too
        small for a region is then taken to have the share that it had.
        """
        settled = lower == self.threshold
        gone = 0 if settled else int(np.searchsorted(self.maxima, lower, side="right"))
        pending = len(self.pending_maxima)
        if not settled:
            pending -= int(np.searchsorted(self.pending_maxima, lower, side="right"))
        must_see = len(self.pending_maxima) - int(np.searchsorted(self.pending_maxima, upper))
        above = curve.total - curve.expected_error_below(lower)
        pace = seconds_per_decision or DEFAULT_SECONDS_PER_DECISION
        return LiveLine(
            regions=len(self.maxima) - gone,
            must_see=min(must_see, pending),
            share_of_voxels=curve.share_above(lower),
            expected_error_unseen=max(curve.total - self._seen_share(curve) * above, 0.0),
            expected_error_total=curve.total,
            unit=self.unit,
            minutes=pending * pace / 60 if pending else None,
            decided=self.decided,
            resolved_share=self.resolved_share,
            is_settled=settled,
            seconds_per_decision=seconds_per_decision,
        )

    def _seen_share(self, curve: ThresholdCurve) -> float:
        """Return which share of the expected error above the threshold lies in regions."""
        above = curve.total - curve.expected_error_below(self.threshold)
        return min(self.errors / above, 1.0) if above > 0 else 1.0


@dataclass(frozen=True)
class BulkPreview:
    """What a decision on many regions at once would cover.

    Attributes
    ----------
    count : int
        Regions.
    volume, expected_error_volume : float
        In cubic `unit`.
    unit : str
        Full name of the length unit.
    """

    count: int
    volume: float
    expected_error_volume: float
    unit: str

    def __str__(self) -> str:
        cubic = cubic_symbol(self.unit)
        return (
            f"{_count(self.count)}: {amount_text(self.volume)} {cubic}, of which "
            f"{amount_text(self.expected_error_volume)} {cubic} are probably wrong"
        )
