"""Outlines of the regions: a small table of codes, looked up where the viewer asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray
from qtpy.QtGui import QColor

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.gui.review.status_style import Palette
from napari_bayesseg.io.lazy import BlockArray
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.review.status import Status

__all__ = ["Outlines", "outline_colours", "rgba"]

CODES = {
    Status.PENDING: 1,
    Status.ACCEPTED: 2,
    Status.REJECTED: 3,
    Status.EDITED: 4,
    Status.DEFERRED: 5,
}
CURRENT = 6
PAINTABLE = 7
CONTOUR = 248
GROUPS = 31
"""Regions side by side get different numbers, so that a line is drawn between them."""


class Outlines(BlockArray):
    """``(Z, Y, X)`` uint8 that says what to draw where, for a labels layer with contours.

    A voxel outside all regions is 0; one inside is ``8 * (id % 31) + code`` with the codes 1 to 5
    for pending, accepted, rejected, edited and deferred, and 6 for the current region. In 7 each
    slice holds the rim of what may be painted, in 248 that of a contour.

    Values are looked up when a slice is asked for, so that a decision changes one number however
    large its region is, and no second volume is kept.
    """

    def __init__(self, shape: Index3) -> None:
        super().__init__(shape, np.dtype(np.uint8))
        self._paintable: _Rim | None = None
        self._contour: _Rim | None = None
        self.set_regions(RegionMap.empty(shape))

    def set_regions(self, region_labels: RegionMap) -> None:
        """Outline other regions, all of them pending and none current.

        Parameters
        ----------
        region_labels : RegionMap
            Region ids, 0 outside.
        """
        count = region_labels.max_id
        self._groups = (8 * (np.arange(count + 1) % GROUPS)).astype(np.uint8)
        self._codes = np.full(count + 1, CODES[Status.PENDING], np.uint8)
        self._current = 0
        self._values = np.zeros(count + 1, np.uint8)
        self._rewrite(np.arange(1, count + 1))
        # Both at once: another thread may be painting a plane.
        self._lookup = (region_labels, self._values)

    def set_statuses(self, statuses: Mapping[int, Status], ids: Iterable[int]) -> None:
        """Take over the statuses of the regions `ids`; unknown ones are pending."""
        changed = np.array([i for i in ids if 0 < i < self._values.size], dtype=np.intp)
        self._codes[changed] = [CODES[statuses.get(int(i), Status.PENDING)] for i in changed]
        self._rewrite(changed)

    def set_current(self, region_id: int | None) -> None:
        """Mark one region, or none, as the one that is looked at."""
        former, self._current = self._current, region_id or 0
        self._rewrite(np.array([i for i in (former, self._current) if 0 < i < self._values.size]))

    def set_paintable(self, box: Roi | None, mask: NDArray[np.bool_] | None = None) -> None:
        """Mark the voxels of a box that may be painted, or none."""
        self._paintable = None if box is None or mask is None else _Rim(box, mask)

    def set_contour(self, box: Roi | None, mask: NDArray[np.bool_] | None = None) -> None:
        """Mark the voxels of a box that are within a contour, or none."""
        self._contour = None if box is None or mask is None else _Rim(box, mask)

    def _read_box(self, start: tuple[int, ...], stop: tuple[int, ...]) -> NDArray[np.uint8]:
        part = Roi((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
        region_labels, by_id = self._lookup
        values: NDArray[np.uint8] = by_id[region_labels[part.slices]]
        for rim, code in ((self._paintable, PAINTABLE), (self._contour, CONTOUR)):
            if rim is not None:
                rim.draw(values, part, code)
        return values

    def _rewrite(self, ids: NDArray[Any]) -> None:
        ids = ids.astype(np.intp)
        codes = np.where(ids == self._current, CURRENT, self._codes[ids])
        self._values[ids] = self._groups[ids] + codes


class _Rim:
    """The outermost voxels of a set, seen in any slice."""

    def __init__(self, box: Roi, mask: NDArray[np.bool_]) -> None:
        self._box = box
        # Along each axis: those with a neighbour that isn't in the set.
        self._ends = tuple(mask & ~_has_both_neighbours(mask, axis) for axis in range(3))

    def draw(self, values: NDArray[np.uint8], part: Roi, code: int) -> None:
        """Write a code where a slice, or any other part of the volume, holds the rim."""
        common = self._box.intersection(part)
        if common.is_empty:
            return
        own, target = common.relative_to(self._box.start), common.relative_to(part.start)
        for axis in (axis for axis in range(3) if part.shape[axis] > 1):
            values[target.slices][self._ends[axis][own.slices]] = code


def _has_both_neighbours(mask: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """Return which voxels have both neighbours along an axis in the set; at an end they haven't."""
    along = np.moveaxis(mask, axis, 0)
    both = np.zeros_like(along)
    both[1:-1] = along[:-2] & along[2:]
    return np.moveaxis(both, 0, axis)


def outline_colours(palette: Palette) -> DirectLabelColormap:
    """Return the colours of :class:`Outlines`: the current region bright, the others faint."""
    shades = {code: rgba(palette.statuses[status], palette.faint) for status, code in CODES.items()}
    shades[CURRENT] = rgba(palette.current, 1.0)
    shades[PAINTABLE] = rgba(palette.paintable, 0.8)
    nothing = np.zeros(4, np.float32)
    colours: dict[int | None, NDArray[np.float32]] = {None: nothing, 0: nothing}
    colours.update(
        {8 * group + code: shade for group in range(GROUPS) for code, shade in shades.items()}
    )
    colours[CONTOUR] = rgba(palette.contour, 1.0)
    return DirectLabelColormap(color_dict=colours)


def rgba(name: str, opacity: float) -> NDArray[np.float32]:
    """Return a named colour as napari's four numbers from 0 to 1."""
    colour = QColor(name)
    return np.array([colour.redF(), colour.greenF(), colour.blueF(), opacity], np.float32)
