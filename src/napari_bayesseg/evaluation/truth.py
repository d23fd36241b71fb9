"""Labels that a result is judged by: whether they lie on its grid, and are its classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import FormatError, GeometryError
from napari_bayesseg.core.geometry import Geometry, Index3, Roi, convert_length
from napari_bayesseg.core.volume import Volume

__all__ = ["check_grid", "name_of", "read_truth"]

Mask = NDArray[np.bool_]

# Files round their affines; a tenth of a voxel at the farthest corner is no other place.
_TOLERANCE_VOXELS = 0.1


def name_of(labels: Volume) -> str:
    """Return the file of labels, or their name where they are in memory."""
    return str(labels.spec.source or labels.spec.name)


def check_grid(labels: Volume, shape: Index3, geometry: Geometry, of: str) -> None:
    """Refuse labels of another grid.

    Labels that say nothing of their place contradict nothing; those that say a spacing and nothing
    else, as most TIFF files, are held against the spacing.

    Parameters
    ----------
    labels : Volume
    shape, geometry
        Of what is judged.
    of : str
        Its name, for messages.

    Raises
    ------
    GeometryError
        If shape, spacing or affine differ.
    """
    name = name_of(labels)
    if labels.shape != shape:
        raise GeometryError(
            f"{name}: labels must have the shape of {of}, {shape} voxels; got {labels.shape}"
        )
    theirs = labels.spec.geometry
    if theirs == Geometry.from_spacing():
        return
    if theirs.unit != geometry.unit and "pixel" in (theirs.unit, geometry.unit):
        raise GeometryError(
            f"{name}: labels must have the unit of {of}, {geometry.unit}; got {theirs.unit}"
        )
    scale = convert_length(1.0, theirs.unit, geometry.unit)
    spacing = tuple(step * scale for step in theirs.spacing)
    if not np.allclose(spacing, geometry.spacing, rtol=1e-3, atol=0.0):
        raise GeometryError(
            f"{name}: labels must have the spacing of {of}, {_text(geometry.spacing)} "
            f"{geometry.unit} (z, y, x); got {_text(spacing)}"
        )
    matrix = theirs.matrix
    matrix[:3] *= scale
    if np.array_equal(theirs.matrix, np.diag([*theirs.spacing, 1.0])):
        return
    far = _farthest_corner(matrix - geometry.matrix, shape)
    if far > _TOLERANCE_VOXELS * min(geometry.spacing):
        raise GeometryError(
            f"{name}: labels must have the affine of {of}; a corner lies {far:.4g} {geometry.unit} "
            "away from its place: export the labels with the geometry of the scan"
        )


def _farthest_corner(difference: NDArray[np.float64], shape: Index3) -> float:
    corners = np.array([[z, y, x, 1] for z in (0, 1) for y in (0, 1) for x in (0, 1)], np.float64)
    corners[:, :3] *= np.array(shape) - 1
    return float(np.linalg.norm((corners @ difference.T)[:, :3], axis=1).max())


def _text(spacing: tuple[float, ...]) -> str:
    return " ".join(f"{step:.4g}" for step in spacing)


def read_truth(
    labels: Volume, box: Roi, num_classes: int, ignore_label: int | None
) -> tuple[NDArray[np.intp], Mask]:
    """Read the labels of a box.

    Returns
    -------
    truth : (z, y, x) int
        Classes; 0 where ignored.
    ignored : (z, y, x) bool

    Raises
    ------
    FormatError
        If a label is no whole number, or neither a class nor the ignored label.
    """
    values = labels.read(box)
    if values.dtype.kind == "f" and not np.array_equal(values, np.round(values)):
        raise FormatError(f"{name_of(labels)}: labels must be whole numbers; some are fractions")
    ignored = np.zeros(values.shape, bool) if ignore_label is None else values == ignore_label
    truth = np.where(ignored, 0, values).astype(np.intp)
    if truth.min() < 0 or truth.max() >= num_classes:
        found = int(truth.min()) if truth.min() < 0 else int(truth.max())
        raise FormatError(
            f"{name_of(labels)}: labels must be classes from 0 to {num_classes - 1}; got {found}: "
            "if it marks what nobody labelled, name it as the label to ignore"
        )
    return truth, ignored
