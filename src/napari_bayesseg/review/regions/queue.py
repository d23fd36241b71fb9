"""The regions in an order: which are shown, which was decided, and which comes next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.regions.orders import Order, rank_regions
from napari_bayesseg.review.regions.region_columns import RegionColumns, Statuses
from napari_bayesseg.review.regions.region_filter import Mark, Marks, RegionFilter
from napari_bayesseg.review.regions.region_table import RegionTable
from napari_bayesseg.review.status import Status

__all__ = ["Order", "RegionQueue"]


@dataclass(frozen=True, eq=False)
class RegionQueue:
    """The regions of a table in an order, with what was decided and where the person is.

    A queue never changes: what would change it returns another one, which shares whatever stays.
    The order stays as long as nobody chooses one: a decision moves no region.

    Attributes
    ----------
    table : RegionTable
    statuses : mapping of int to Status
        By region id; a region that is left out is pending.
    order : Order
    filter : RegionFilter
        Which regions are shown.
    current_id : int or None
        Region that the person is at; it may have left the queue by its new status.
    spacing : (z, y, x)
        Distance between voxel centres, for orders that depend on distances.
    marks : Marks
        What filters need to know besides the table.
    """

    table: RegionTable
    statuses: Mapping[int, Status]
    order: Order = Order.EXPECTED_ERROR
    filter: RegionFilter = field(default_factory=RegionFilter)
    current_id: int | None = None
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    marks: Marks = field(default_factory=Marks)
    columns: RegionColumns = field(default=None, repr=False)  # type: ignore[assignment]
    _ranking: NDArray[np.int64] = field(default=None, repr=False)  # type: ignore[arg-type]
    _shown: NDArray[np.bool_] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.columns is None:
            object.__setattr__(self, "columns", RegionColumns(self.table.regions))
        object.__setattr__(self, "statuses", Statuses.of(self.columns, self.statuses))
        if self._ranking is None:
            object.__setattr__(self, "_ranking", self._ranked(self.order))

    def _ranked(self, order: Order) -> NDArray[np.int64]:
        current = self.current
        return rank_regions(
            self.columns,
            order,
            spacing=self.spacing,
            start=None if current is None else current.position,
            later=self._are(Status.ACCEPTED, Status.REJECTED, Status.EDITED),
        )

    def _are(self, *statuses: Status) -> NDArray[np.bool_]:
        return Statuses.of(self.columns, self.statuses).are(*statuses)

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        """Place in the order, by row."""
        places = np.empty(self._ranking.size, np.int64)
        places[self._ranking] = np.arange(self._ranking.size)
        return places

    @cached_property
    def _is_shown(self) -> NDArray[np.bool_]:
        """By row."""
        columns, wanted = self.columns, self.filter
        shown = self._unchanging
        if wanted.statuses is not None:
            shown = shown & self._are(*wanted.statuses)
        if Mark.MUST_SEE in wanted.marks:
            shown = shown & (columns.maxima >= self.marks.upper)
        if Mark.NOTE in wanted.marks:
            shown = shown & columns.among(self.marks.noted)
        if Mark.CONFLICT in wanted.marks:
            shown = shown & columns.among(self.marks.conflicting)
        return shown

    @property
    def _unchanging(self) -> NDArray[np.bool_]:
        """What the table alone says of what is shown, by row; kept from decision to decision."""
        if self._shown is None:
            shown = np.ones(len(self.columns), np.bool_)
            if self.filter.classes is not None:
                shown &= self.columns.holding(self.filter.classes)
            if Mark.BORDER in self.filter.marks:
                shown &= self.columns.at_border
            object.__setattr__(self, "_shown", shown)
            return shown
        return self._shown

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
            return self.table.regions[self.columns.rows[region_id]]
        except KeyError:
            raise SettingsError(
                f"region must be one of the {len(self.columns)} regions; got {region_id}"
            ) from None

    @cached_property
    def ids(self) -> tuple[int, ...]:
        """Ids of the regions shown, in order."""
        return tuple(self.columns.ids[self._ranking[self._is_shown[self._ranking]]].tolist())

    @property
    def current(self) -> Region | None:
        """The region that the person is at."""
        return None if self.current_id is None else self.region(self.current_id)

    @property
    def place(self) -> int:
        """Place of the current region in the order, from 1; 0 where there is none."""
        row = None if self.current_id is None else self.columns.rows[self.current_id]
        return 0 if row is None else 1 + int(self._places[row])

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
        start = -1 if direction > 0 else len(self.columns)
        others = self._is_shown
        if self.current_id is not None:
            row = self.columns.rows[self.current_id]
            start = int(self._places[row])
            others = others.copy()
            others[row] = False
        if not undecided_only:
            return self._first(others, start, direction)
        for wanted in (Status.PENDING, Status.DEFERRED):
            found = self._first(others & self._are(wanted), start, direction)
            if found is not None:
                return found
        return None

    def _first(self, wanted: NDArray[np.bool_], start: int, direction: int) -> Region | None:
        """Return the wanted region after a place, or before it, going round."""
        places = np.flatnonzero(wanted[self._ranking])
        if not places.size:
            return None
        if direction > 0:
            step = int(np.searchsorted(places, start, side="right")) % places.size
        else:
            step = int(np.searchsorted(places, start, side="left")) - 1
        return self.table.regions[int(self._ranking[places[step]])]

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
        offsets = self.columns.positions - position
        return self.table.regions[int((offsets**2).sum(axis=1).argmin())]

    def below(self, upper: float) -> tuple[Region, ...]:
        """Return the pending regions whose maximum is below a threshold: no look is needed."""
        return self._ordered(self._are(Status.PENDING) & (self.columns.maxima < upper))

    def above(self, upper: float) -> tuple[Region, ...]:
        """Return the pending regions whose maximum reaches a threshold: they must be seen."""
        return self._ordered(self._are(Status.PENDING) & (self.columns.maxima >= upper))

    def _ordered(self, wanted: NDArray[np.bool_]) -> tuple[Region, ...]:
        rows = self._ranking[wanted[self._ranking]].tolist()
        return tuple(self.table.regions[row] for row in rows)

    @cached_property
    def _is_decided(self) -> NDArray[np.bool_]:
        return self._are(*(status for status in Status if status.is_decided))

    @cached_property
    def remaining(self) -> int:
        """Number of regions of the table that are not decided, deferred ones included."""
        return len(self.columns) - int(np.count_nonzero(self._is_decided))

    @cached_property
    def resolved_share(self) -> float:
        """Share of the regions' expected error that lies in decided ones, from 0 to 1."""
        errors = self.columns.errors
        total = float(errors.sum())
        if total > 0:
            return float(errors[self._is_decided].sum()) / total
        return 0.0 if self.remaining else 1.0

    def pending_maxima(self) -> NDArray[np.float64]:
        """Return the maxima of the regions without a decision, rising."""
        rising = self.columns.by_maximum
        return self.columns.maxima[rising[self._are(Status.PENDING)[rising]]]

    def changed_since(self, former: RegionQueue) -> tuple[int, ...]:
        """Return the ids, rising, whose status was another one in a queue of the same table."""
        mine = Statuses.of(self.columns, self.statuses)
        return mine.differing(Statuses.of(self.columns, former.statuses))

    def at_region(self, region_id: int | None) -> RegionQueue:
        """Return the queue with another current region.

        Raises
        ------
        SettingsError
            If there is no such region.
        """
        if region_id is not None:
            self.region(region_id)
        return self._keep(replace(self, current_id=region_id), "ids", "_is_shown", "_is_decided")

    def with_statuses(self, statuses: Mapping[int, Status]) -> RegionQueue:
        """Return the queue after decisions about all regions; one that is left out is pending."""
        fresh = statuses if isinstance(statuses, Statuses) else dict(statuses)
        return self._after(Statuses.of(self.columns, fresh))

    def with_changes(self, changes: Mapping[int, Status]) -> RegionQueue:
        """Return the queue after decisions about some regions; the others stay what they are."""
        return self._after(Statuses.of(self.columns, self.statuses).changed(changes))

    def _after(self, statuses: Statuses) -> RegionQueue:
        unfiltered = ("ids", "_is_shown") if self.filter.statuses is None else ()
        return self._keep(replace(self, statuses=statuses), *unfiltered)

    def with_order(self, order: Order) -> RegionQueue:
        """Return the queue in an order; a path is planned anew, from the current region on."""
        return replace(self, order=order, _ranking=self._ranked(order))

    def with_filter(
        self,
        statuses: Iterable[Status] | None = None,
        classes: Iterable[int] | None = None,
        marks: Iterable[Mark] = (),
    ) -> RegionQueue:
        """Return the queue with only some statuses and classes shown; None shows all."""
        wanted = RegionFilter.of(statuses, classes, marks)
        return self._keep(replace(self, filter=wanted, _shown=None), "_is_decided")

    def with_marks(self, marks: Marks) -> RegionQueue:
        """Return the queue with something else known about its regions."""
        unfiltered = () if self.filter.marks else ("ids", "_is_shown")
        return self._keep(replace(self, marks=marks), "_is_decided", *unfiltered)

    def _keep(self, queue: RegionQueue, *names: str) -> RegionQueue:
        """Hand over what was computed and holds for another queue in the same order, too."""
        known = vars(self)
        for name in ("_places", *names):
            if name in known:
                vars(queue)[name] = known[name]
        return queue
