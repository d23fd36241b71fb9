"""What a measure exceeds its usual value by, at the same distance from a predicted boundary.

Every boundary is uncertain. The mean of the measure as a function of the distance to the boundary,
over the whole volume, is what an ordinary boundary looks like; taking it away leaves the places
that are out of the ordinary: inclusions of a foreign phase, fringes, streaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.boundary_distance import check_shapes, distance_to_boundary
from napari_bayesseg.numerics.boundary_uncertainty import (
    BoundaryUncertainty,
    boundary_uncertainty,
)
from napari_bayesseg.numerics.compilation import compiled

__all__ = [
    "BoundaryUncertainty",
    "UsualCurve",
    "boundary_uncertainty",
    "distance_to_boundary",
    "excess",
    "usual_curve",
]

Spacing = tuple[float, float, float]
Doubles = NDArray[np.float64]

# A bin holds at least this many voxels, or this share of a small volume.
_VOXELS_PER_BIN = 1000
_SHARE_PER_BIN = 0.002
_BINS_PER_VOXEL = 8


@dataclass(frozen=True)
class UsualCurve:
    """Mean of a measure as a function of the distance to the predicted boundary.

    Attributes
    ----------
    distances : (n,) float64
        Mean distance of the voxels of each bin, rising, in the spacing's unit.
    means : (n,) float64
        Mean of the measure over them.
    counts : (n,) int64
        Voxels of each bin.
    bin_width : float
        Of the bins before they were merged.
    """

    distances: Doubles
    means: Doubles
    counts: NDArray[np.int64]
    bin_width: float

    def at(self, distances: NDArray[np.floating[Any]]) -> Doubles:
        """Interpolate linearly; beyond both ends the curve is level."""
        return np.asarray(np.interp(distances, self.distances, self.means))


def usual_curve(
    measure: NDArray[np.floating[Any]], distances: NDArray[np.float32], bin_width: float
) -> UsualCurve:
    """Average the measure over bins of distance.

    Bins are merged with the next farther ones until each holds 1000 voxels (or 0.2 % of those of a
    volume below 500000), so that a few voxels in the heart of a particle, which an inclusion may
    fill wholly, do not make their own norm.

    Parameters
    ----------
    measure : (Z, Y, X) float
        Voxels that are NaN here or in `distances` are left out.
    distances : (Z, Y, X) float32
        From :func:`distance_to_boundary`.
    bin_width : float
        In the unit of the distances.

    Returns
    -------
    UsualCurve
        Without any bin where no voxel has a value.

    Raises
    ------
    SettingsError
        If `bin_width` is not positive.
    """
    values = np.ascontiguousarray(measure, dtype=np.float32).reshape(-1)
    places = np.ascontiguousarray(distances, dtype=np.float32).reshape(-1)
    if not bin_width > 0:
        raise SettingsError(f"bin_width must be positive; got {bin_width}")
    farthest = float(np.nanmax(places, initial=0.0))
    sums = np.zeros((int(farthest / bin_width) + 1, 3))
    _fill_bins(values, places, bin_width, sums)
    merged = _merge(sums, min(_VOXELS_PER_BIN, _SHARE_PER_BIN * sums[:, 0].sum()))
    counts = merged[:, 0].astype(np.int64)
    return UsualCurve(merged[:, 1] / counts, merged[:, 2] / counts, counts, bin_width)


def excess(
    measure: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    spacing: Spacing,
    bin_width: float | None = None,
    valid: NDArray[np.bool_] | None = None,
    *,
    distances: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Subtract from the measure what is usual at that distance from the predicted boundary.

    The usual value is the mean over this volume (:func:`usual_curve`), linear between bins.

    Parameters
    ----------
    measure : (Z, Y, X) float
    labels : (Z, Y, X) int
        Predicted classes, from 0.
    spacing : (z, y, x)
        Distance between voxel centres.
    bin_width : float, optional
        Of the curve, in the spacing's unit; by default an eighth of the smallest
        spacing: near a boundary the few distances that a grid allows then stay apart.
    valid : (Z, Y, X) bool, optional
        Voxels that were predicted.
    distances : (Z, Y, X) float32, optional
        From :func:`distance_to_boundary` with the same labels, spacing and `valid`, to save
        computing them again for the next measure.

    Returns
    -------
    (Z, Y, X) float32
        In the measure's unit; negative where the measure is below what is usual. NaN where the
        measure is, or not `valid`.

    Raises
    ------
    SettingsError
        If shapes differ, or the spacing or `bin_width` is not positive.
    """
    check_shapes(measure, labels, valid, distances)
    if distances is None:
        distances = distance_to_boundary(labels, spacing, valid)
    width = min(spacing) / _BINS_PER_VOXEL if bin_width is None else bin_width
    curve = usual_curve(measure, distances, width)
    result = np.full(measure.shape, np.nan, dtype=np.float32)
    if curve.distances.size:
        values = np.ascontiguousarray(measure, dtype=np.float32).reshape(-1)
        places = np.ascontiguousarray(distances).reshape(-1)
        starts = np.searchsorted(
            curve.distances, np.arange(curve.distances[-1] / width + 2) * width
        )
        _subtract(values, places, width, curve.distances, curve.means, starts, result.reshape(-1))
    return result


def _merge(sums: Doubles, needed: float) -> Doubles:
    """Merge bins from the nearest to the farthest until each holds `needed` voxels."""
    merged: list[Doubles] = []
    gathered = np.zeros(3)
    for row in sums:
        gathered = gathered + row
        if gathered[0] >= max(needed, 1.0):
            merged.append(gathered)
            gathered = np.zeros(3)
    if gathered[0] > 0:
        rest = merged.pop() if merged else np.zeros(3)
        merged.append(rest + gathered)
    return np.array(merged).reshape(-1, 3)


@compiled
def _fill_bins(values: Any, distances: Any, width: float, sums: Doubles) -> None:
    """Add to every bin its count, sum of distances and sum of values."""
    for n in range(values.size):
        if np.isnan(values[n]) or np.isnan(distances[n]):
            continue
        b = int(distances[n] / width)
        sums[b, 0] += 1.0
        sums[b, 1] += distances[n]
        sums[b, 2] += values[n]


@compiled
def _subtract(
    values: Any,
    distances: Any,
    width: float,
    knots: Doubles,
    means: Doubles,
    starts: Any,
    result: Any,
) -> None:
    """Subtract the curve; ``starts[b]`` is the first knot not below ``b * width``."""
    for n in range(values.size):
        place = np.float64(distances[n])
        if np.isnan(place):
            continue
        above = starts[min(int(place / width), starts.size - 1)]
        while above < knots.size and knots[above] < place:
            above += 1
        if above == 0 or above == knots.size:
            usual = means[min(above, knots.size - 1)]
        else:
            share = (place - knots[above - 1]) / (knots[above] - knots[above - 1])
            usual = means[above - 1] * (1.0 - share) + means[above] * share
        result[n] = np.float32(values[n] - usual)
