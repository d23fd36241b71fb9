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
from napari_bayesseg.numerics.boundary_distance import distance_to_boundary
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
_SHARE_PER_BIN = 0.01


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


@dataclass(frozen=True)
class BoundaryUncertainty:
    """How far the predicted boundary may be off, as one number for the whole volume.

    Attributes
    ----------
    voxels : float
        Expected wrong voxels per face between voxels of different class: "+-0.4 voxel".
    length : float
        Expected wrong volume per area of those faces, in the spacing's unit.
    num_faces : int
    area : float
        Of all faces.
    shell_width : float
        Voxels up to this distance from the boundary were counted.
    """

    voxels: float
    length: float
    num_faces: int
    area: float
    shell_width: float


def usual_curve(
    measure: NDArray[np.floating[Any]], distances: NDArray[np.float32], bin_width: float
) -> UsualCurve:
    """Average the measure over bins of distance.

    Bins are merged with the next farther ones until each holds 1000 voxels (or 1 % of those of a
    volume below 100000), so that a few voxels in the heart of a particle, which an inclusion may
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
        Of the curve, in the spacing's unit; by default half the smallest spacing.
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
    _check_shapes(measure, labels, valid, distances)
    if distances is None:
        distances = distance_to_boundary(labels, spacing, valid)
    width = min(spacing) / 2 if bin_width is None else bin_width
    curve = usual_curve(measure, distances, width)
    # The curve at the edges of the bins, so that one look-up per voxel is enough.
    num_edges = int(curve.distances[-1] / width) + 3 if curve.distances.size else 2
    table = curve.at(np.arange(num_edges) * width) if curve.distances.size else np.zeros(2)
    values = np.ascontiguousarray(measure, dtype=np.float32)
    result = np.empty(values.shape, dtype=np.float32)
    places = np.ascontiguousarray(distances)
    _subtract(values.reshape(-1), places.reshape(-1), width, table, result.reshape(-1))
    return result


def boundary_uncertainty(
    expected_error: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    spacing: Spacing,
    shell_width: float | None = None,
    valid: NDArray[np.bool_] | None = None,
    *,
    distances: NDArray[np.float32] | None = None,
) -> BoundaryUncertainty:
    """Express the expected error around the boundaries as a shift of the boundary.

    With S the voxels whose distance to another class is at most `shell_width`, e the expected
    error, V the volume of a voxel and F the faces between voxels of different class::

        voxels = sum_S e / |F|        length = V sum_S e / sum_F area

    A boundary that is wrong by d on one side makes d wrong volume per area. Faces follow the voxel
    grid, so the area of an oblique boundary is overestimated and the shift underestimated, by up
    to 1/sqrt(3).

    Parameters
    ----------
    expected_error : (Z, Y, X) float
        One minus the largest mean probability; NaN is left out.
    labels : (Z, Y, X) int
        Predicted classes, from 0.
    spacing : (z, y, x)
        Distance between voxel centres.
    shell_width : float, optional
        In the spacing's unit; by default three times the smallest spacing, or one and a half
        times the largest if that is more.
    valid : (Z, Y, X) bool, optional
        Voxels that were predicted.
    distances : (Z, Y, X) float32, optional
        As for :func:`excess`.

    Returns
    -------
    BoundaryUncertainty
        NaN for both numbers where there is no boundary.

    Raises
    ------
    SettingsError
        If shapes differ or the spacing is not positive.
    """
    _check_shapes(expected_error, labels, valid, distances)
    if distances is None:
        distances = distance_to_boundary(labels, spacing, valid)
    width = max(3 * min(spacing), 1.5 * max(spacing)) if shell_width is None else shell_width
    # A hair wider, so that float32 rounding does not leave out a whole layer.
    shell = distances <= width * (1 + 1e-6)
    error = float(np.nansum(expected_error, where=shell, dtype=np.float64))
    voxel_volume = float(np.prod(spacing))
    num_faces, area = 0, 0.0
    for axis in range(3):
        ahead, behind = [slice(None)] * 3, [slice(None)] * 3
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        first, second = tuple(ahead), tuple(behind)
        faces = labels[first] != labels[second]
        if valid is not None:
            faces &= valid[first] & valid[second]
        count = int(np.count_nonzero(faces))
        num_faces += count
        area += count * voxel_volume / spacing[axis]
    has_boundary = num_faces > 0
    return BoundaryUncertainty(
        voxels=error / num_faces if has_boundary else float("nan"),
        length=error * voxel_volume / area if has_boundary else float("nan"),
        num_faces=num_faces,
        area=area,
        shell_width=float(width),
    )


def _check_shapes(measure: NDArray[Any], *others: NDArray[Any] | None) -> None:
    given = [measure, *(other for other in others if other is not None)]
    if measure.ndim != 3 or any(array.shape != measure.shape for array in given):
        shapes = ", ".join(str(array.shape) for array in given)
        raise SettingsError(f"all maps must be (Z, Y, X) of one shape; got {shapes}")


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
def _subtract(values: Any, distances: Any, width: float, table: Doubles, result: Any) -> None:
    """Subtract `table`, given at multiples of `width`, level beyond its end."""
    last = np.float64(table.size - 1)
    for n in range(values.size):
        place = distances[n] / width
        if np.isnan(place):
            result[n] = np.nan
            continue
        place = min(place, last)
        below = min(int(place), table.size - 2)
        share = place - below
        usual = table[below] * (1.0 - share) + table[below + 1] * share
        result[n] = np.float32(values[n] - usual)
