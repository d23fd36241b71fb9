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
from napari_bayesseg.review.status import Status

__all__ = ["Outlines", "outline_colours"]

CODES = {
    Status.PENDING: 1,
    Status.ACCEPTED: 2,
    Status.REJECTED: 3,
    Status.EDITED: 4,
    Status.DEFERRED: 5,
}
CURRENT = 6
BOX = 7
GROUPS = 31
"""Regions side by side get different numbers, so that a line is drawn between them."""


class Outlines(BlockArray):
    """``(Z, Y, X)`` uint8 that says what to draw where, for a labels layer with contours.

    A voxel outside all regions is 0; one inside is ``8 * (id % 31) + code`` with the codes 1 to 5
    for pending, accepted, rejected, edited and deferred, and 6 for the current region. In 7 each
    slice holds the frame of the box that may be painted in.

    Values are looked up when a slice is asked for, so that a decision changes one number however
    large its region is, and no second volume is kept.
    """

    def __init__(self, shape: Index3) -> None:
        super().__init__(shape, np.dtype(np.uint8))
        self._box: Roi | None = None
        self.set_regions(np.broadcast_to(np.int32(0), shape), 0)

    def set_regions(self, region_labels: NDArray[np.int32], count: int) -> None:
        """Outline other regions, all of them pending and none current.

        Parameters
        ----------
        region_labels : (Z, Y, X) int32
            Region ids, 0 outside. Not copied.
        count : int
            Greatest id.
        """
        self._labels = region_labels
        self._groups = (8 * (np.arange(count + 1) % GROUPS)).astype(np.uint8)
        self._codes = np.full(count + 1, CODES[Status.PENDING], np.uint8)
        self._current = 0
        self._values = np.zeros(count + 1, np.uint8)
        self._rewrite(np.arange(1, count + 1))

    def set_statuses(self, statuses: Mapping[int, Status], ids: Iterable[int]) -> None:
        """Take over the statuses of the regions `ids`; unknown ones are pending."""
        changed = np.array([i for i in ids if 0 < i < self._values.size], dtype=np.intp)
        self._codes[changed] = [CODES[statuses.get(int(i), Status.PENDING)] for i in changed]
        self._rewrite(changed)

    def set_current(self, region_id: int | None) -> None:
        """Mark one region, or none, as the one that is looked at."""
        former, self._current = self._current, region_id or 0
        self._rewrite(np.array([i for i in (former, self._current) if 0 < i < self._values.size]))

    def set_box(self, box: Roi | None) -> None:
        """Mark the box that may be painted in, or none."""
        self._box = box

    def _read_box(self, start: tuple[int, ...], stop: tuple[int, ...]) -> NDArray[np.uint8]:
        part = Roi((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
        values: NDArray[np.uint8] = self._values[self._labels[part.slices]]
        if self._box is not None:
            _draw_frame(values, part, self._box)
        return values

    def _rewrite(self, ids: NDArray[Any]) -> None:
        ids = ids.astype(np.intp)
        codes = np.where(ids == self._current, CURRENT, self._codes[ids])
        self._values[ids] = self._groups[ids] + codes


def _draw_frame(values: NDArray[np.uint8], part: Roi, box: Roi) -> None:
    """Draw the sides of a box into the values of a slice, or of any other part of the volume."""
    common = box.intersection(part)
    if common.is_empty:
        return
    inside = values[common.relative_to(part.start).slices]
    for axis in (axis for axis in range(3) if part.shape[axis] > 1):
        for side in (box.start[axis], box.stop[axis] - 1):
            if common.start[axis] <= side < common.stop[axis]:
                np.moveaxis(inside, axis, 0)[side - common.start[axis]] = BOX


def outline_colours(palette: Palette) -> DirectLabelColormap:
    """Return the colours of :class:`Outlines`: the current region bright, the others faint."""
    shades = {
        code: _rgba(palette.statuses[status], palette.faint) for status, code in CODES.items()
    }
    shades[CURRENT] = _rgba(palette.current, 1.0)
    shades[BOX] = _rgba(palette.box, 0.8)
    nothing = np.zeros(4, np.float32)
    colours: dict[int | None, NDArray[np.float32]] = {None: nothing, 0: nothing}
    colours.update(
        {8 * group + code: shade for group in range(GROUPS) for code, shade in shades.items()}
    )
    return DirectLabelColormap(color_dict=colours)


def _rgba(name: str, opacity: float) -> NDArray[np.float32]:
    colour = QColor(name)
    return np.array([colour.redF(), colour.greenF(), colour.blueF(), opacity], np.float32)
