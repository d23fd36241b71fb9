"""Which voxels of a stroke may be painted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.review.labels.voxels import VoxelChange, voxel_change_from_indices

__all__ = ["Indices", "SplitStroke", "split_stroke"]

Indices = tuple[ArrayLike, ArrayLike, ArrayLike]


@dataclass(frozen=True)
class SplitStroke:
    """A stroke in two parts.

    Attributes
    ----------
    kept, refused : VoxelChange
        Either may be empty; `kept` is where it would change no label.
    hit_at : (z, y, x) or None
        A voxel that was refused because it is protected.
    """

    kept: VoxelChange
    refused: VoxelChange
    hit_at: Index3 | None

    @property
    def hit_protected(self) -> bool:
        """Whether voxels were refused because they are protected."""
        return self.hit_at is not None


def split_stroke(
    indices: Indices,
    old: ArrayLike,
    new: ArrayLike,
    *,
    box: Roi,
    may_change: NDArray[np.bool_] | None = None,
    protected: Callable[[Roi], NDArray[np.bool_]],
    dtype: np.dtype[Any],
) -> SplitStroke:
    """Keep what lies inside a box, or some voxels of it, and is not protected.

    Parameters
    ----------
    indices : three (n,) int
        Along z, y and x.
    old, new : (n,) int, or one value for all
        Labels before and after.
    box : Roi
        The rest is refused.
    may_change : (Z, Y, X) bool, optional
        Of the box: which of its voxels; by default all.
    protected : callable
        Which voxels of a box are not to be painted: Roi -> bool array of its shape.
    dtype : numpy.dtype
        Of the labels.
    """
    z, y, x = (np.asarray(axis, np.int64).reshape(-1) for axis in indices)
    before, after = (np.broadcast_to(np.asarray(part, dtype), z.shape) for part in (old, new))
    allowed = np.ones(z.shape, np.bool_)
    for axis, low, high in zip((z, y, x), box.start, box.stop, strict=True):
        allowed &= (axis >= low) & (axis < high)

    def part(chosen: NDArray[np.bool_]) -> VoxelChange:
        places = (z[chosen], y[chosen], x[chosen])
        return voxel_change_from_indices(places, before[chosen], after[chosen])

    kept, hit_at = part(allowed), None
    if kept.count:
        origin = kept.box.start
        inside = tuple(axis[allowed] - low for axis, low in zip((z, y, x), origin, strict=True))
        blocked = protected(kept.box)[inside]
        if blocked.any():
            first = np.flatnonzero(allowed)[int(blocked.argmax())]
            hit_at = (int(z[first]), int(y[first]), int(x[first]))
            allowed[allowed] = ~blocked
        if may_change is not None:
            inside = tuple(
                axis[allowed] - low for axis, low in zip((z, y, x), box.start, strict=True)
            )
            allowed[allowed] = may_change[inside]
        kept = part(allowed)
    if np.array_equal(kept.old, kept.new):
        kept = part(np.zeros_like(allowed))
    return SplitStroke(kept, part(~allowed), hit_at)
