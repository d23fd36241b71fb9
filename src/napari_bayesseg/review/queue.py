"""In which order regions are looked at, and which comes next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

import numpy as np

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.region_table import RegionTable
from napari_bayesseg.review.status import Status

__all__ = ["Order", "RegionQueue"]


class Order(StrEnum):
    """What comes first: the most expected error, the largest, or the lowest slice."""

    EXPECTED_ERROR = "expected error"
    SIZE = "size"
    POSITION = "position"


@dataclass(frozen=True, eq=False)
class RegionQueue:
    """The regions of a table in an order, with what was decided and where the person is.

    A queue never changes: what would change it returns another one.

    Attributes
    ----------
    table : RegionTable
    statuses : mapping of int to Status
        By region id; a region that is left out is pending.
    order : Order
    shown_statuses : frozenset of Status or None
        Only regions with one of these are in the queue; None: all.
    shown_classes : frozenset of int or None
        Only regions that hold a voxel of one of these predicted classes; None: all.
    current_id : int or None
        Region that the person is at; it may have left the queue by its new status.
    """

    table: RegionTable
    statuses: Mapping[int, Status]
    order: Order = Order.EXPECTED_ERROR
    shown_statuses: frozenset[Status] | None = None
    shown_classes: frozenset[int] | None = None
    current_id: int | None = None

    @cached_property
    def _sorted(self) -> tuple[Region, ...]:
        """All regions in order; ids rise with falling expected error and settle ties."""
        regions = self.table.regions
        if self.order is Order.SIZE:
            return tuple(sorted(regions, key=lambda region: (-region.voxel_count, region.id)))
        if self.order is Order.POSITION:
            return tuple(sorted(regions, key=lambda region: (region.position, region.id)))
        return regions

    @cached_property
    def _by_id(self) -> dict[int, Region]:
        return {region.id: region for region in self.table.regions}

    @cached_property
    def _places(self) -> dict[int, int]:
        return {region.id: place for place, region in enumerate(self._sorted)}

    def _is_shown(self, region: Region) -> bool:
        shown = self.shown_statuses is None or self.status(region.id) in self.shown_statuses
        return shown and (
            self.shown_classes is None or not self.shown_classes.isdisjoint(region.classes)
        )

    def status(self, region_id: int) -> Status:
        """Return what was decided about a region."""
        return self.statuses.get(region_id, Status.PENDING)

    def region(self, region_id: int) -> Region:
        """Return a region by its id, shown or not.

        Raises
        ------
        SettingsError
            If there is none.
        """
        try:
            return self._by_id[region_id]
        except KeyError:
            raise SettingsError(
                f"region must be one of the {len(self._by_id)} regions; got {region_id}"
            ) from None

    @cached_property
    def ids(self) -> tuple[int, ...]:
        """Ids of the regions shown, in order."""
        return tuple(region.id for region in self._sorted if self._is_shown(region))

    @property
    def current(self) -> Region | None:
        """The region that the person is at."""
        return None if self.current_id is None else self.region(self.current_id)

    def next(self, undecided_only: bool = True) -> Region | None:
        """Return the region after the current one, going round at the end.

        Parameters
        ----------
        undecided_only : bool
            The next pending one; where none is left the next deferred one.

        Returns
        -------
        Region or None
            None where no other region is left.
        """
        return self._step(1, undecided_only)

    def previous(self, undecided_only: bool = False) -> Region | None:
        """Return the region before the current one, going round at the start; see :meth:`next`."""
        return self._step(-1, undecided_only)

    def _step(self, direction: int, undecided_only: bool) -> Region | None:
        shown = set(self.ids)
        regions = self._sorted
        if self.current_id in self._places:
            start = self._places[self.current_id]
        else:
            start = -1 if direction > 0 else 0
        places = ((start + direction * step) % len(regions) for step in range(1, len(regions) + 1))
        others = [
            regions[place]
            for place in places
            if regions[place].id in shown and regions[place].id != self.current_id
        ]
        if not undecided_only:
            return next(iter(others), None)
        for wanted in (Status.PENDING, Status.DEFERRED):
            for region in others:
                if self.status(region.id) is wanted:
                    return region
        return None

    def at(self, position: Index3) -> Region | None:
        """Return the region that holds a voxel, or else the one whose maximum is nearest to it.

        Nearest in voxels; None where there is no region, or the voxel is outside the scan.
        """
        labels = self.table.region_labels
        if not all(0 <= p < n for p, n in zip(position, labels.shape, strict=True)):
            return None
        found = int(labels[position])
        if found:
            return self.region(found)
        if not self.table.regions:
            return None
        offsets = np.array([region.position for region in self.table.regions]) - position
        return self.table.regions[int((offsets**2).sum(axis=1).argmin())]

    def below(self, upper: float) -> tuple[Region, ...]:
        """Return the pending regions whose maximum is below a threshold: no look is needed."""
        return tuple(region for region in self._pending() if region.maximum < upper)

    def above(self, upper: float) -> tuple[Region, ...]:
        """Return the pending regions whose maximum reaches a threshold: they must be seen."""
        return tuple(region for region in self._pending() if region.maximum >= upper)

    def _pending(self) -> list[Region]:
        return [r for r in self._sorted if self.status(r.id) is Status.PENDING]

    @cached_property
    def remaining(self) -> int:
        """Number of regions of the table that are not decided, deferred ones included."""
        return sum(not self.status(region.id).is_decided for region in self.table.regions)

    @cached_property
    def resolved_share(self) -> float:
        """Share of the regions' expected error that lies in decided ones, from 0 to 1."""
        total = sum(region.expected_error_volume for region in self.table.regions)
        decided = sum(
            region.expected_error_volume
            for region in self.table.regions
            if self.status(region.id).is_decided
        )
        if total > 0:
            return decided / total
        return 0.0 if self.remaining else 1.0

    def at_region(self, region_id: int | None) -> RegionQueue:
        """Return the queue with another current region.

        Raises
        ------
        SettingsError
            If there is no such region.
        """
        if region_id is not None:
            self.region(region_id)
        return replace(self, current_id=region_id)

    def with_statuses(self, statuses: Mapping[int, Status]) -> RegionQueue:
        """Return the queue after a decision."""
        return replace(self, statuses=dict(statuses))

    def with_order(self, order: Order) -> RegionQueue:
        """Return the queue in another order."""
        return replace(self, order=order)

    def with_filter(
        self, statuses: Iterable[Status] | None = None, classes: Iterable[int] | None = None
    ) -> RegionQueue:
        """Return the queue with only some statuses and classes shown; None shows all."""
        return replace(
            self,
            shown_statuses=None if statuses is None else frozenset(statuses),
            shown_classes=None if classes is None else frozenset(classes),
        )
