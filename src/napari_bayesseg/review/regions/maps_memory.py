"""Whether the maps that regions are made from fit into the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.review.regions.available_memory import available_memory

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result

__all__ = ["check_maps_fit", "maps_fit"]

# Kept: values, expected error, valid; on the way: distances and the voxels above a floor.
_BYTES_PER_VOXEL = 30


def _needed(result: Result) -> int:
    voxels = int(np.prod(result.spec.shape, dtype=np.int64))
    per_voxel = _BYTES_PER_VOXEL + np.dtype(result.labels.dtype).itemsize
    if "expected_error" not in result.measures:
        per_voxel += 4 * len(result.class_names)
    return voxels * per_voxel


def maps_fit(result: Result) -> bool:
    """Whether all maps of one measure can be held at a time."""
    available = available_memory()
    return available is None or _needed(result) <= available


def check_maps_fit(result: Result) -> None:
    """Refuse a result whose maps don't fit, before any is read.

    Raises
    ------
    StoreError
        With the memory that is needed and that there is.
    """
    needed, available = _needed(result), available_memory()
    if available is not None and needed > available:
        raise StoreError(
            f"{result.path}: an excess needs {needed / 1e9:.1f} GB of memory, "
            f"{available / 1e9:.1f} GB are available: take the measure without _excess, close "
            "other programs, or predict a part of the scan with --roi"
        )
