"""Where voxels are in the world."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from napari_bayesseg.core.geometry import Geometry, Index3, Roi
from napari_bayesseg.review.labels.voxels import Labels, VoxelSet

__all__ = ["box_in_world", "holds", "where", "world"]


def world(geometry: Geometry, position: Sequence[float]) -> list[float]:
    """Return the place ``(z, y, x)`` of a voxel's centre, in the geometry's unit."""
    place: list[float] = (geometry.matrix @ [*position, 1.0])[:3].tolist()
    return place


def box_in_world(box: Roi, geometry: Geometry) -> dict[str, Any]:
    """Return the corners of a box, from outer face to outer face, and the upright box around them.

    In a rotated scan the corners make the box itself; the upright one is larger.
    """
    sides = [(low - 0.5, high - 0.5) for low, high in zip(box.start, box.stop, strict=True)]
    corners = [world(geometry, corner) for corner in product(*sides)]
    return {
        "box_world_low": np.min(corners, axis=0).tolist(),
        "box_world_high": np.max(corners, axis=0).tolist(),
        "box_world_corners": corners,
    }


def where(
    voxels: VoxelSet, geometry: Geometry, labels: Labels, class_names: Sequence[str]
) -> dict[str, Any]:
    """Return the geometry of a place, and what it is labelled as, the most frequent class first.

    Parameters
    ----------
    voxels : VoxelSet
    geometry : Geometry
    labels : (Z, Y, X) int
        The reviewed ones.
    class_names : sequence of str
    """
    mask = voxels.mask()
    counts = np.bincount(labels[voxels.box.slices][mask], minlength=len(class_names))
    order = [int(index) for index in np.argsort(-counts, kind="stable") if counts[index]]
    middle = np.argwhere(mask).mean(axis=0) + voxels.box.start if mask.any() else None
    return {
        "voxels": int(np.count_nonzero(mask)),
        "centroid_world": None if middle is None else world(geometry, middle.tolist()),
        **box_in_world(voxels.box, geometry),
        "reviewed_classes": [class_names[index] for index in order],
    }


def holds(voxels: VoxelSet, position: Index3) -> bool:
    """Whether a voxel is in a set."""
    z, y, x = position
    place = Roi(position, (z + 1, y + 1, x + 1))
    return voxels.box.contains(place) and voxels.intersection(place).count > 0
