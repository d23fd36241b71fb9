"""How many voxels and how much expected error lie on either side of a threshold, at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.boundary_distance import check_shapes
from napari_bayesseg.numerics.compilation import compiled

__all__ = ["ThresholdCurve", "threshold_curve", "threshold_curve_of_slabs"]

Doubles = NDArray[np.float64]

_NUM_BINS = 1024


@dataclass(frozen=True, eq=False)
class ThresholdCurve:
    """Histograms of a measure, plain and weighted by the expected error.

    Inside a bin both are taken as evenly spread, so that answers are exact at the edges.

    Attributes
    ----------
    edges : (n + 1,) float64
        Evenly spaced, in the measure's unit.
    counts : (n,) int64
        Voxels in each bin.
    errors : (n,) float64
        Expected error volume in each bin, in cubic units of the scan.
    """

    edges: Doubles
    counts: NDArray[np.int64]
    errors: Doubles

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest value; 0 and 0 where no voxel has one."""
        return float(self.edges[0]), float(self.edges[-1])

    @property
    def total(self) -> float:
        """Expected error volume of all voxels, in cubic units of the scan."""
        return float(self._errors_below[-1])

    def share_above(self, threshold: float) -> float:
        """Return the share of the voxels above a threshold, from 0 to 1."""
        count = self._counts_below[-1]
        return float(1.0 - self._at(self._counts_below, threshold) / count) if count else 0.0

    def edge_below(self, share: float) -> float:
        """Return the highest edge of a bin with at least this share of the voxels above it."""
        above = self.counts.sum() - np.concatenate([[0], np.cumsum(self.counts)])
        places = np.flatnonzero(above >= share * max(int(self.counts.sum()), 1))
        return float(self.edges[places[-1]]) if places.size else float(self.edges[0])

    def expected_error_below(self, threshold: float) -> float:
        """Return the expected error volume of the voxels at or below a threshold."""
        return self._at(self._errors_below, threshold)

    @cached_property
    def _counts_below(self) -> Doubles:
        return np.concatenate([[0.0], np.cumsum(self.counts, dtype=np.float64)])

    @cached_property
    def _errors_below(self) -> Doubles:
        return np.concatenate([[0.0], np.cumsum(self.errors)])

    def _at(self, cumulative: Doubles, threshold: float) -> float:
        low, high = self.bounds
        if not threshold < high:
            return float(cumulative[-1])
        if threshold <= low:
            return 0.0
        place = (threshold - low) / (high - low) * self.counts.size
        below = min(int(place), self.counts.size - 1)
        step = cumulative[below + 1] - cumulative[below]
        return float(cumulative[below] + step * (place - below))


def threshold_curve(
    measure: NDArray[np.float32],
    expected_error: NDArray[np.floating[Any]],
    valid: NDArray[np.bool_],
    voxel_volume: float,
) -> ThresholdCurve:
    """Gather the curve of a measure in two passes.

    Parameters
    ----------
    measure : (Z, Y, X) float32
        Voxels that are not finite are left out.
    expected_error : (Z, Y, X) float
        One minus the largest mean probability.
    valid : (Z, Y, X) bool
        Voxels to count.
    voxel_volume : float
        In cubic units of the scan.

    Raises
    ------
    SettingsError
        If the shapes differ.
    """
    check_shapes(measure, expected_error, valid)
    return threshold_curve_of_slabs(lambda: [(measure, expected_error, valid)], voxel_volume)


def threshold_curve_of_slabs(
    slabs: Callable[[], Iterable[tuple[Any, Any, Any]]], voxel_volume: float
) -> ThresholdCurve:
    """Gather the curve of a measure that comes slab by slab, twice.

    Parameters
    ----------
    slabs : callable
        Gives measure, expected error and the voxels to count, slab after slab; called twice.
    voxel_volume : float
        In cubic units of the scan.
    """
    low, high = np.inf, -np.inf
    for measure, _, valid in slabs():
        bounds = _bounds(_flat(measure), _flat(valid))
        low, high = min(low, bounds[0]), max(high, bounds[1])
    if not low <= high:
        low = high = 0.0
    counts, sums = np.zeros(_NUM_BINS, np.int64), np.zeros(_NUM_BINS)
    for measure, expected_error, valid in slabs():
        _fill(_flat(measure), _flat(expected_error), _flat(valid), low, high, counts, sums)
    return ThresholdCurve(np.linspace(low, high, _NUM_BINS + 1), counts, sums * voxel_volume)


def _flat(part: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(part).reshape(-1)


@compiled
def _bounds(values: Any, inside: Any) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for n in range(values.size):
        if inside[n] and np.isfinite(values[n]):
            low, high = min(low, values[n]), max(high, values[n])
    return low, high


@compiled
def _fill(
    values: Any, errors: Any, inside: Any, low: float, high: float, counts: Any, sums: Doubles
) -> None:
    scale = counts.size / (high - low) if high > low else 0.0
    for n in range(values.size):
        if inside[n] and np.isfinite(values[n]):
            b = min(int((values[n] - low) * scale), counts.size - 1)
            counts[b] += 1
            sums[b] += errors[n]
