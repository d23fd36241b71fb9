"""Distance of every voxel to the nearest voxel of another class, in one exact transform."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.compilation import compiled

__all__ = ["check_shapes", "distance_to_boundary"]

Singles = NDArray[np.float32]
Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]

# Marks voxels without a prediction; classes are never negative.
_UNKNOWN = -1


def distance_to_boundary(
    labels: NDArray[np.integer[Any]],
    spacing: tuple[float, float, float],
    valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Measure the distance of each voxel to the nearest voxel of another predicted class.

    Distances run between voxel centres, so the smallest is the spacing across the boundary. The
    border of the volume is no boundary, nor is that of the unpredicted part; a boundary that lies
    behind an unpredicted part may be overlooked.

    Parameters
    ----------
    labels : (Z, Y, X) int
        Predicted classes, from 0.
    spacing : (z, y, x)
        Distance between voxel centres; may differ between axes.
    valid : (Z, Y, X) bool, optional
        Voxels that were predicted.

    Returns
    -------
    (Z, Y, X) float32
        In the spacing's unit; the volume's diagonal where there is no other class. NaN where not
        `valid`.

    Raises
    ------
    SettingsError
        If `labels` is not three-dimensional or the spacing not positive.

    References
    ----------
    Felzenszwalb & Huttenlocher, "Distance transforms of sampled functions", 2012 (lower envelope
    of parabolas, axis by axis); here every run of one class has its own envelope, so that all
    classes are done at once.
    """
    if labels.ndim != 3 or min(spacing) <= 0:
        raise SettingsError(
            f"labels must be (Z, Y, X) and spacing positive; got {labels.shape} and {spacing}"
        )
    classes = np.ascontiguousarray(labels)
    if valid is not None:
        classes = np.where(valid, labels.astype(np.int32), np.int32(_UNKNOWN))
    squares = np.full(labels.shape, np.inf, dtype=np.float32)
    for axis in (2, 1, 0):
        if labels.shape[axis] > 1:
            # The axis in question goes last; swapped views share the memory.
            _sweep(classes.swapaxes(axis, 2), squares.swapaxes(axis, 2), float(spacing[axis]))
    diagonal = math.hypot(*(n * s for n, s in zip(labels.shape, spacing, strict=True)))
    distances = np.sqrt(squares, out=squares)
    np.minimum(distances, np.float32(diagonal), out=distances)
    if valid is not None:
        distances[~valid] = np.nan
    return distances


def check_shapes(measure: NDArray[Any], *others: NDArray[Any] | None) -> None:
    """Raise SettingsError unless all maps that are given are (Z, Y, X) of one shape."""
    given = [measure, *(other for other in others if other is not None)]
    if measure.ndim != 3 or any(array.shape != measure.shape for array in given):
        shapes = ", ".join(str(array.shape) for array in given)
        raise SettingsError(f"all maps must be (Z, Y, X) of one shape; got {shapes}")


@compiled
def _sweep(classes: Any, squares: Any, step: float) -> None:
    """Relax all lines along the last axis, run by run of equal class."""
    length = squares.shape[2]
    line, result = np.empty(length), np.empty(length)
    places, limits = np.empty(length + 2, dtype=np.int64), np.empty(length + 3)
    for i in range(squares.shape[0]):
        for j in range(squares.shape[1]):
            start = 0
            while start < length:
                stop = start + 1
                while stop < length and classes[i, j, stop] == classes[i, j, start]:
                    stop += 1
                for k in range(start, stop):
                    line[k] = squares[i, j, k]
                has_left = start > 0 and classes[i, j, start - 1] != _UNKNOWN
                has_right = stop < length and classes[i, j, stop] != _UNKNOWN
                if classes[i, j, start] != _UNKNOWN:
                    _envelope(line, start, stop, has_left, has_right, step, places, limits, result)
                    for k in range(start, stop):
                        squares[i, j, k] = result[k]
                start = stop


@compiled
def _envelope(
    line: Doubles,
    start: int,
    stop: int,
    has_left: bool,
    has_right: bool,
    step: float,
    places: Indices,
    limits: Doubles,
    result: Doubles,
) -> None:
    """Lower envelope of the parabolas of one run; those just outside it have height 0.

    `places` and `limits` are scratch: the parabolas of the envelope and where each takes over.
    """
    count = 0
    first = start - 1 if has_left else start
    last = stop + 1 if has_right else stop
    weight = step * step
    for k in range(first, last):
        height = line[k] if start <= k < stop else 0.0
        if not height < np.inf:
            continue
        crossing = -np.inf
        while count > 0:
            p = places[count - 1]
            other = line[p] if start <= p < stop else 0.0
            crossing = (height - other) / (2.0 * weight * (k - p)) + 0.5 * (k + p)
            if crossing > limits[count - 1]:
                break
            count -= 1
        if count == 0:
            crossing = -np.inf
        places[count], limits[count] = k, crossing
        count += 1
    n = 0
    for k in range(start, stop):
        if count == 0:
            result[k] = np.inf
            continue
        while n + 1 < count and limits[n + 1] < k:
            n += 1
        p = places[n]
        result[k] = (line[p] if start <= p < stop else 0.0) + weight * (k - p) ** 2
