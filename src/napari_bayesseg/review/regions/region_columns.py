"""The regions of a table as columns of numbers, so that a choice among thousands takes no loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.numerics.region_list import Region, RegionList
from napari_bayesseg.review.status import Status

__all__ = ["RegionColumns", "Statuses"]

_STATUSES = tuple(Status)
_CODES = {status: code for code, status in enumerate(_STATUSES)}
_PENDING = _CODES[Status.PENDING]


class RegionColumns:
    """Numbers of n regions, row by row.

    Parameters
    ----------
    regions : sequence of Region
        Quickest where it is a :class:`RegionList`, which has these columns already.
    """

    def __init__(self, regions: Sequence[Region]) -> None:
        self.regions = RegionList.of(regions)

    def __len__(self) -> int:
        return len(self.regions)

    @property
    def rows(self) -> dict[int, int]:
        """Row of a region, by its id."""
        return self.regions.rows

    @property
    def ids(self) -> NDArray[np.int64]:
        """``(n,)``."""
        return self.regions.ids

    @property
    def errors(self) -> NDArray[np.float64]:
        """``(n,)`` expected error volume, in cubic units of the scan."""
        return self.regions.errors

    @property
    def voxel_counts(self) -> NDArray[np.int64]:
        """``(n,)``."""
        return self.regions.voxel_counts

    @property
    def maxima(self) -> NDArray[np.float64]:
        """``(n,)`` of the measure."""
        return self.regions.maxima

    @property
    def means(self) -> NDArray[np.float64]:
        """``(n,)`` of the measure."""
        return self.regions.means

    @cached_property
    def by_maximum(self) -> NDArray[np.int64]:
        """``(n,)`` rows by rising maximum."""
        return np.argsort(self.maxima, kind="stable")

    @property
    def positions(self) -> NDArray[np.int64]:
        """``(n, 3)`` voxel of the maximum."""
        return self.regions.positions

    @property
    def boxes(self) -> NDArray[np.int64]:
        """``(n, 6)`` first voxel and one past the last, ``(z, y, x, z, y, x)``."""
        return self.regions.boxes

    @property
    def at_border(self) -> NDArray[np.bool_]:
        """``(n,)`` whether a region touches the border of the scan."""
        return self.regions.at_border

    @property
    def main_classes(self) -> NDArray[np.int64]:
        """``(n,)`` most frequent predicted class."""
        return self.regions.classes[:, 0]

    def holding(self, classes: Iterable[int]) -> NDArray[np.bool_]:
        """Return which regions ``(n,)`` hold a voxel of one of these predicted classes."""
        found = self.regions.classes
        inside = np.arange(found.shape[1]) < self.regions.class_counts[:, None]
        return np.asarray((np.isin(found, list(classes)) & inside).any(axis=1))

    def among(self, ids: Iterable[int]) -> NDArray[np.bool_]:
        """Return which regions ``(n,)`` have one of these ids; unknown ids are none of them."""
        found = np.zeros(len(self), np.bool_)
        found[[self.rows[key] for key in ids if key in self.rows]] = True
        return found

    def meeting(self, boxes: Iterable[Roi]) -> tuple[Region, ...]:
        """Return the regions whose box has a voxel in common with one of `boxes`."""
        met = np.zeros(len(self), np.bool_)
        low, high = self.boxes[:, :3], self.boxes[:, 3:]
        for box in boxes:
            met |= ((low < box.stop) & (high > box.start)).all(axis=1)
        return tuple(self.regions[row] for row in np.flatnonzero(met).tolist())


class Statuses(Mapping[int, Status]):
    """What was decided about every region of a table, by id; it never changes.

    Attributes
    ----------
    codes : (n,) uint8
        Place of the status in :class:`Status`, by row of the columns.
    """

    def __init__(self, columns: RegionColumns, codes: NDArray[np.uint8]) -> None:
        self._columns = columns
        self.codes = codes

    @classmethod
    def of(cls, columns: RegionColumns, statuses: Mapping[int, Status]) -> Statuses:
        """Return the statuses of a mapping; a region that is left out is pending."""
        if isinstance(statuses, Statuses) and statuses._columns is columns:
            return statuses
        pending = cls(columns, np.full(len(columns), _PENDING, np.uint8))
        return pending.changed(statuses)

    def changed(self, changes: Mapping[int, Status]) -> Statuses:
        """Return the statuses after some have changed; ids of other tables are passed over."""
        codes, rows = self.codes.copy(), self._columns.rows
        for region_id, status in changes.items():
            row = rows.get(region_id)
            if row is not None:
                codes[row] = _CODES[status]
        return Statuses(self._columns, codes)

    def are(self, *statuses: Status) -> NDArray[np.bool_]:
        """Return which rows ``(n,)`` have one of these statuses."""
        wanted = np.zeros(len(_STATUSES), np.bool_)
        wanted[[_CODES[status] for status in statuses]] = True
        found: NDArray[np.bool_] = wanted[self.codes]
        return found

    def differing(self, other: Statuses) -> tuple[int, ...]:
        """Return the ids, rising, whose status differs in another one of the same columns."""
        return tuple(np.sort(self._columns.ids[self.codes != other.codes]).tolist())

    def __getitem__(self, region_id: int) -> Status:
        return _STATUSES[int(self.codes[self._columns.rows[region_id]])]

    def __iter__(self) -> Iterator[int]:
        return iter(self._columns.rows)

    def __len__(self) -> int:
        return len(self._columns)
