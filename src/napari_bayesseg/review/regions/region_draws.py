"""What each draw says about one region: its labels there, and the volumes that follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.labels.stored_arrays import read_piece
from napari_bayesseg.review.labels.voxels import Labels
from napari_bayesseg.review.regions.region_table import RegionTable

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result

__all__ = [
    "DRAW_MARGIN",
    "INTERVAL",
    "RegionDraw",
    "RegionDraws",
    "VolumeInterval",
    "make_region_draws",
    "read_region",
]

DRAW_MARGIN = 8
"""Voxels around a region's box in which its draws are made: it shows where boundaries go."""
INTERVAL = (5.0, 95.0)
"""Percentiles of the volumes over the draws."""

_LIMIT_BYTES = 256 * 2**20


class VolumeInterval(NamedTuple):
    """Median and percentiles of a volume over the draws."""

    low: float
    median: float
    high: float


@dataclass(frozen=True, eq=False)
class RegionDraw:
    """One draw of a region.

    Attributes
    ----------
    index : int
        Of the draw, from 0.
    labels : (z, y, x) unsigned
        Its likeliest class in the box; 0 where not processed.
    volumes : (C,) float64
        Of the region's voxels that it gives each class, in cubic units; the sum is the region's.
    """

    index: int
    labels: Labels
    volumes: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RegionDraws:
    """A region, and those of its draws that have been made.

    Attributes
    ----------
    region : Region
    box : Roi
        The region's and `DRAW_MARGIN` voxels more, inside the scan.
    inside : (z, y, x) bool
        The region's voxels in the box.
    processed : (z, y, x) bool
        Where the result has numbers.
    predicted, runner_up : (z, y, x) unsigned
        Classes with the largest and second largest mean probability; 0 where not processed.
    class_names : tuple of str
    voxel_volume : float
        In cubic `unit`.
    unit : str
    num_draws : int
        Of the run.
    draws : tuple of RegionDraw
        By index, from 0.
    """

    region: Region
    box: Roi
    inside: NDArray[np.bool_]
    processed: NDArray[np.bool_]
    predicted: Labels
    runner_up: Labels
    class_names: tuple[str, ...]
    voxel_volume: float
    unit: str
    num_draws: int
    draws: tuple[RegionDraw, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether all draws of the run have been made."""
        return len(self.draws) >= self.num_draws

    @property
    def num_bytes(self) -> int:
        """Memory of the arrays."""
        own = (self.inside, self.processed, self.predicted, self.runner_up)
        return sum(a.nbytes for a in own) + sum(draw.labels.nbytes for draw in self.draws)

    @cached_property
    def predicted_volumes(self) -> NDArray[np.float64]:
        """Volume ``(C,)`` of the region's voxels by predicted class, in cubic units."""
        return self._volumes(self.predicted)

    @cached_property
    def volumes(self) -> NDArray[np.float64]:
        """Volume ``(n, C)`` of the region's voxels by class in each draw, in cubic units."""
        rows = [draw.volumes for draw in self.draws]
        return np.array(rows, np.float64).reshape(len(rows), len(self.class_names))

    @cached_property
    def classes(self) -> tuple[int, ...]:
        """Classes that the region's voxels have in any draw: predicted ones first, then by volume.

        The first is the main predicted class.
        """
        others = self.volumes.sum(axis=0)
        others[list(self.region.classes)] = 0.0
        by_volume = np.argsort(-others, kind="stable").tolist()
        return (*self.region.classes, *(index for index in by_volume if others[index] > 0))

    def interval(self, class_index: int) -> VolumeInterval:
        """Return what the volume of a class is over the draws made so far; NaN before the first.

        Percentiles 5, 50 and 95, by linear interpolation.
        """
        if not self.draws:
            return VolumeInterval(np.nan, np.nan, np.nan)
        percentiles = (INTERVAL[0], 50.0, INTERVAL[1])
        low, median, high = np.percentile(self.volumes[:, class_index], percentiles).tolist()
        return VolumeInterval(low, median, high)

    def with_draw(self, index: int, probabilities: NDArray[np.float32]) -> RegionDraws:
        """Return this with one draw more, from its softmax ``(C, z, y, x)`` in the box."""
        labels = probabilities.argmax(axis=0).astype(self.predicted.dtype)
        labels[~self.processed] = 0
        made = RegionDraw(index, labels, self._volumes(labels))
        return replace(self, draws=(*self.draws, made))

    def _volumes(self, labels: Labels) -> NDArray[np.float64]:
        counts = np.bincount(labels[self.inside], minlength=len(self.class_names))
        return np.multiply(counts, self.voxel_volume, dtype=np.float64)


def read_region(result: Result, table: RegionTable, region: Region) -> RegionDraws:
    """Return a region without any draw: what can be said before scan and model are opened.

    Raises
    ------
    SettingsError
        If its draws would not fit into a modest piece of memory.
    StoreError
        If the result is damaged.
    """
    box = region.box.grown((DRAW_MARGIN,) * 3).intersection(Roi.whole(result.spec.shape))
    kind = np.dtype(result.labels.dtype)
    num_draws = result.settings.num_samples
    needed = box.size * (num_draws * kind.itemsize + 4 * (len(result.class_names) + 2))
    if needed > _LIMIT_BYTES:
        raise SettingsError(
            f"the draws of this region need {needed / 1e6:.0f} MB, more than "
            f"{_LIMIT_BYTES / 1e6:.0f} MB: cut regions smaller, by a smaller extent or a higher "
            "threshold"
        )
    name = f"{result.path}:"
    probability = read_piece(
        result.mean_probability, (slice(None), *box.slices), f"{name} mean_probability"
    ).astype(np.float32)
    predicted = read_piece(result.labels, box.slices, f"{name} labels")
    processed = np.asarray(np.isfinite(probability).all(axis=0))
    np.put_along_axis(probability, predicted[np.newaxis].astype(np.intp), -np.inf, axis=0)
    runner_up = probability.argmax(axis=0).astype(kind)
    runner_up[~processed] = 0
    return RegionDraws(
        region,
        box,
        np.equal(table.region_labels[box.slices], region.id),
        processed,
        predicted,
        runner_up,
        result.class_names,
        result.geometry.voxel_volume,
        result.geometry.unit,
        num_draws,
    )


def make_region_draws(result: Result, so_far: RegionDraws) -> Iterator[RegionDraws]:
    """Make the draws that are still missing, from their keys; yield what there is after each.

    Scan and model are opened, and the scan is read once to see that it is the same, before this
    returns; nothing of the kind happens where no draw is missing.

    Raises
    ------
    StoreError, FormatError, CheckpointError
        If scan, model or imported arrays are gone or have changed since.
    """
    missing = range(len(so_far.draws), so_far.num_draws)
    made = result.draws(missing, so_far.box) if missing else iter(())
    return _added(so_far, zip(missing, made, strict=True))


def _added(
    so_far: RegionDraws, made: Iterator[tuple[int, NDArray[np.float32]]]
) -> Iterator[RegionDraws]:
    for index, probabilities in made:
        so_far = so_far.with_draw(index, probabilities)
        yield so_far
