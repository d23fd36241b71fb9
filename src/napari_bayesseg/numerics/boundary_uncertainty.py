"""The expected error around the predicted boundaries as one number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.boundary_distance import check_shapes, distance_to_boundary

__all__ = ["BoundaryUncertainty", "boundary_uncertainty"]

Spacing = tuple[float, float, float]


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
    check_shapes(expected_error, labels, valid, distances)
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
