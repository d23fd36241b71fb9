"""Thousands of regions as columns of numbers; each becomes an object when it is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3, Roi

__all__ = ["Region", "RegionList"]

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Region:
    """A 26-connected set of voxels above the threshold of one measure.

    Attributes
    ----------
    id : int
        Above 0; the region's value in the map of regions.
    box : Roi
        Smallest box around it, in voxels.
    voxel_count : int
    volume : float
        In cubic units of the spacing.
    expected_error_volume : float
        Sum of the expected error over its voxels times the volume of one: how much of it is
        probably wrong, in the same unit.
    mean, p95, maximum : float
        Of the measure over its voxels; the 95th percentile by linear interpolation.
    position : (z, y, x)
        Voxel of the maximum; the first in memory among equals.
    classes : tuple of int
        Predicted classes inside, the most frequent first.
    touches_border : bool
        Whether it reaches the border of the volume (along axes of more than one voxel).
    """

    id: int
    box: Roi
    voxel_count: int
    volume: float
    expected_error_volume: float
    mean: float
    p95: float
    maximum: float
    position: Index3
    classes: tuple[int, ...]
    touches_border: bool


@dataclass(frozen=True, eq=False)
class RegionList(Sequence[Region]):
    """n regions, in order; equal to any sequence of the same regions.

    Attributes
    ----------
    ids, voxel_counts : (n,) int64
    boxes : (n, 6) int64
        First voxel and one past the last, ``(z, y, x, z, y, x)``.
    volumes, errors : (n,) float64
        Volume and expected error volume, in cubic units of the spacing.
    means, p95s, maxima : (n,) float64
        Of the measure.
    positions : (n, 3) int64
        Voxel of the maximum.
    classes : (n, C) int64
        Predicted classes inside, the most frequent first; those that are not inside come last.
    class_counts : (n,) int64
        How many of them are inside.
    at_border : (n,) bool
        Whether a region touches the border of the volume.
    """

    ids: Indices
    voxel_counts: Indices
    boxes: Indices
    volumes: Doubles
    errors: Doubles
    means: Doubles
    p95s: Doubles
    maxima: Doubles
    positions: Indices
    classes: Indices
    class_counts: Indices
    at_border: NDArray[np.bool_]
    _made: dict[int, Region] = field(init=False, default_factory=dict, repr=False)

    @classmethod
    def of(cls, regions: Iterable[Region]) -> RegionList:
        """Return regions as a list; one is passed through."""
        if isinstance(regions, RegionList):
            return regions
        found = tuple(regions)
        widest = max((len(region.classes) for region in found), default=1)
        classes = np.full((len(found), widest), -1, np.int64)
        for row, region in enumerate(found):
            classes[row, : len(region.classes)] = region.classes
        boxes = [(*region.box.start, *region.box.stop) for region in found]
        return cls(
            np.array([region.id for region in found], np.int64),
            np.array([region.voxel_count for region in found], np.int64),
            np.array(boxes, np.int64).reshape(-1, 6),
            np.array([region.volume for region in found], np.float64),
            np.array([region.expected_error_volume for region in found], np.float64),
            np.array([region.mean for region in found], np.float64),
            np.array([region.p95 for region in found], np.float64),
            np.array([region.maximum for region in found], np.float64),
            np.array([region.position for region in found], np.int64).reshape(-1, 3),
            classes,
            np.array([len(region.classes) for region in found], np.int64),
            np.array([region.touches_border for region in found], np.bool_),
        )

    @cached_property
    def rows(self) -> dict[int, int]:
        """Row of a region, by its id."""
        return {name: row for row, name in enumerate(self.ids.tolist())}

    def __len__(self) -> int:
        return int(self.ids.size)

    @overload
    def __getitem__(self, key: int) -> Region: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Region, ...]: ...
    def __getitem__(self, key: int | slice) -> Region | tuple[Region, ...]:
        if isinstance(key, slice):
            return tuple(self[row] for row in range(*key.indices(len(self))))
        row = key + len(self) if key < 0 else key
        if not 0 <= row < len(self):
            raise IndexError(f"there are {len(self)} regions; got {key}")
        found = self._made.get(row)
        # Threads that ask at the same time get the same object.
        return self._made.setdefault(row, self._make(row)) if found is None else found

    def _make(self, row: int) -> Region:
        a, b, c, d, e, f = self.boxes[row].tolist()
        z, y, x = self.positions[row].tolist()
        return Region(
            int(self.ids[row]),
            Roi((a, b, c), (d, e, f)),
            int(self.voxel_counts[row]),
            float(self.volumes[row]),
            float(self.errors[row]),
            float(self.means[row]),
            float(self.p95s[row]),
            float(self.maxima[row]),
            (z, y, x),
            tuple(self.classes[row, : self.class_counts[row]].tolist()),
            bool(self.at_border[row]),
        )

    def __iter__(self) -> Iterator[Region]:
        return (self[row] for row in range(len(self)))

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, RegionList | tuple | list):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash((len(self), self.ids.tobytes()))
