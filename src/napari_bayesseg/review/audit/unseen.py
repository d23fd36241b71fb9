"""The voxels that would stand without anybody having looked at them, and random ones of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.seeding import keyed_generator
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.review.audit.looked_at import LookedAt
from napari_bayesseg.review.labels.stored_arrays import read_piece
from napari_bayesseg.review.regions.queue import RegionQueue
from napari_bayesseg.review.regions.region_columns import Statuses
from napari_bayesseg.review.regions.region_source import Maps, RegionSource
from napari_bayesseg.review.status import Status

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result

__all__ = ["UnseenSample", "UnseenVoxels", "waiting_regions"]

_SLAB_VOXELS = 2**22


@dataclass(frozen=True)
class UnseenSample:
    """Random voxels of those that nobody has looked at.

    Attributes
    ----------
    places : tuple of (z, y, x)
        Without repetition, in random order.
    labels : tuple of int
        The label that stands at each of them.
    population : int
        Voxels that they were drawn from.
    expected_error : float
        Mean over the population of the chance that the standing label is wrong, as the model has
        it, from 0 to 1; 0 where the population is empty.
    """

    places: tuple[Index3, ...]
    labels: tuple[int, ...]
    population: int
    expected_error: float


@dataclass(frozen=True, eq=False)
class UnseenVoxels:
    """What would be accepted unseen if the review ended now.

    All processed voxels but those that a person has looked at, and those of regions that wait for
    a look: pending ones whose maximum reaches the upper threshold, and deferred ones.

    Attributes
    ----------
    result : Result
        Asked for probabilities where another label than the predicted one stands.
    source : RegionSource
    region_labels : RegionMap
        Read slab by slab.
    waiting : (n,) int64
        Ids of the regions that wait for a look.
    looked_at : LookedAt
    labels : (Z, Y, X) int
        Those that stand.
    """

    result: Result
    source: RegionSource
    region_labels: RegionMap
    waiting: NDArray[np.int64]
    looked_at: LookedAt
    labels: NDArray[np.integer[Any]]

    def within(self, box: Roi) -> NDArray[np.bool_]:
        """Return which voxels of a box would be accepted unseen."""
        return self._unseen(box, self.source.maps(box))

    def _unseen(self, box: Roi, maps: Maps) -> NDArray[np.bool_]:
        *_, valid = maps
        unseen: NDArray[np.bool_] = valid & ~self.looked_at.within(box)
        if self.waiting.size:
            ids = np.asarray(self.region_labels[box.slices])
            inside = ids != 0
            unseen[inside] &= ~np.isin(ids[inside], self.waiting)
        return unseen

    def sample(
        self,
        count: int,
        seed: int,
        should_stop: Callable[[], bool] = lambda: False,
        *,
        slab_voxels: int = _SLAB_VOXELS,
    ) -> UnseenSample:
        """Draw voxels, each as likely as any other.

        Two passes in slabs: the voxels are counted, and those of random ranks are looked up; so
        that the memory is bounded, and the places follow from the seed alone.

        Parameters
        ----------
        count : int
            Fewer are drawn where there are fewer.
        seed : int
        should_stop : callable, optional
            Asked between slabs; where it says so, an empty sample comes back.
        slab_voxels : int, optional
            How many are looked at at once, at least a plane; changes nothing but the memory.

        Raises
        ------
        SettingsError
            If `count` is below 1.
        StoreError
            If the result is damaged.
        """
        if count < 1:
            raise SettingsError(f"an audit needs at least one place; got {count}")
        counts: list[int] = []
        error = 0.0
        slabs = list(self.source.slabs(slab_voxels))
        for box in slabs:
            if should_stop():
                return UnseenSample((), (), 0, 0.0)
            maps = self.source.maps(box)
            unseen = self._unseen(box, maps)
            counts.append(int(np.count_nonzero(unseen)))
            error += float(self._errors(box, maps, unseen).sum(dtype=np.float64))
        total = sum(counts)
        generator = keyed_generator(seed, 0, "audit")
        ranks = generator.choice(total, min(count, total), replace=False)
        places = self._places(slabs, counts, np.atleast_1d(ranks))
        return UnseenSample(
            places,
            tuple(int(self.labels[place]) for place in places),
            total,
            error / total if total else 0.0,
        )

    def _errors(self, box: Roi, maps: Maps, unseen: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the expected error of the standing label at the unseen voxels of a box."""
        _, errors, predicted, _ = maps
        errors, labels = errors.copy(), self.labels[box.slices]
        other = unseen & (labels != predicted)
        for label in np.unique(labels[other]).tolist():
            # A class at a time: there may be many, and few voxels differ.
            chosen = other & (labels == label)
            (probability,) = read_piece(
                self.result.mean_probability,
                (slice(label, label + 1), *box.slices),
                f"{self.result.path}: mean_probability",
            )
            errors[chosen] = 1.0 - np.nan_to_num(probability[chosen], nan=0.0)
        return errors[unseen]

    def _places(
        self, slabs: list[Roi], counts: list[int], ranks: NDArray[np.int64]
    ) -> tuple[Index3, ...]:
        """Return the voxels with these ranks among the unseen ones in C order."""
        found: dict[int, Index3] = {}
        before = 0
        for box, count in zip(slabs, counts, strict=True):
            mine = ranks[(ranks >= before) & (ranks < before + count)]
            if mine.size:
                flat = np.flatnonzero(self.within(box))[mine - before]
                for rank, (z, y, x) in zip(
                    mine.tolist(), np.transpose(np.unravel_index(flat, box.shape)), strict=True
                ):
                    found[rank] = (int(z) + box.start[0], int(y), int(x))
            before += count
        return tuple(found[rank] for rank in ranks.tolist())


def waiting_regions(queue: RegionQueue, upper: float) -> NDArray[np.int64]:
    """Return the ids of the regions that wait for a look, in no order."""
    columns, statuses = queue.columns, Statuses.of(queue.columns, queue.statuses)
    must_see = statuses.are(Status.PENDING) & (columns.maxima >= upper)
    return columns.ids[statuses.are(Status.DEFERRED) | must_see]
