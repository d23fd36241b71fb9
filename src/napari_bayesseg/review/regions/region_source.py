"""The maps of one result that regions are made from, read once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError, StoreError
from napari_bayesseg.core.geometry import Geometry, Index3, Roi
from napari_bayesseg.numerics.boundary_distance import distance_to_boundary
from napari_bayesseg.numerics.boundary_uncertainty import boundary_uncertainty
from napari_bayesseg.numerics.excess import excess
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.regions import describe_regions
from napari_bayesseg.numerics.sparse_voxels import SparseVoxels
from napari_bayesseg.numerics.threshold_curve import ThresholdCurve, threshold_curve
from napari_bayesseg.numerics.uncertainty import get_measure, split_excess
from napari_bayesseg.review.regions.maps_memory import check_maps_fit, maps_fit
from napari_bayesseg.review.regions.region_names import RegionNames
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.regions.region_table import RegionTable
from napari_bayesseg.review.regions.region_tree import TreeCache, VoxelTable

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result

__all__ = ["Maps", "RegionSource", "plane_boxes"]

_SLAB_VOXELS = 2**25
Maps = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.integer[Any]], NDArray[np.bool_]]
"""Measure, expected error, predicted classes, and which voxels are valid; of one box."""


@dataclass(frozen=True, eq=False)
class RegionSource:
    """The maps of one result for one measure, in memory; any number of threads may read it.

    Attributes
    ----------
    measure : str
        Name, with ``_excess`` where it is one.
    values : (Z, Y, X) float32
        The measure; NaN where not processed.
    expected_error : (Z, Y, X) float32
        One minus the largest mean probability.
    labels : (Z, Y, X) int
        Predicted classes.
    valid : (Z, Y, X) bool
        Processed, and a number.
    geometry : Geometry
    class_names : tuple of str
    run_id : str
    boundary_length : float
        Expected error of the ordinary shell, as a thickness in the scan's unit.
    curve : ThresholdCurve
        What lies on either side of a threshold.
    """

    measure: str
    values: NDArray[np.float32]
    expected_error: NDArray[np.float32]
    labels: NDArray[np.integer[Any]]
    valid: NDArray[np.bool_]
    geometry: Geometry
    class_names: tuple[str, ...]
    run_id: str
    boundary_length: float
    curve: ThresholdCurve
    # Not handed on by `dataclasses.replace`: other values have other trees.
    _trees: TreeCache = field(init=False, default_factory=TreeCache, repr=False)

    @classmethod
    def read(
        cls, result: Result, measure: str, *, sharing: RegionSource | None = None
    ) -> RegionSource:
        """Read what regions of a measure need.

        Parameters
        ----------
        result : Result
        measure : str
            A stored measure, or one with the suffix ``_excess``, which is computed now.
        sharing : RegionSource, optional
            Of the same result for another measure: what the two have in common is not read again,
            where it is in memory.

        Raises
        ------
        SettingsError
            If the measure is unknown.
        StoreError
            If the result doesn't hold it, is damaged, or, for an excess, doesn't fit into this
            machine's memory; the maps of a plain measure then stay on the disk.
        """
        plain, is_excess = split_excess(measure)
        get_measure(plain)
        if plain not in result.measures:
            raise StoreError(
                f"{result.path}: holds no measure {plain!r}; it holds {', '.join(result.measures)}"
            )
        if not is_excess and not maps_fit(result):
            # A kind of source: importing it above would go round in a circle.
            from napari_bayesseg.review.regions.streamed_source import StreamedSource

            return StreamedSource.stream(result, measure)
        check_maps_fit(result)
        geometry = result.geometry
        values = result.read(plain)
        if sharing is not None and not sharing.is_held:
            sharing = None
        if sharing is None:
            error, labels = _expected_error(result), result.read("labels")
            valid = result.processed & np.isfinite(error)
        else:
            error, labels, valid = sharing.expected_error, sharing.labels, sharing.valid
        distances = None
        if is_excess:
            known = result.processed & np.isfinite(values)
            distances = distance_to_boundary(labels, geometry.spacing, known)
            values = excess(values, labels, geometry.spacing, valid=known, distances=distances)
            if not np.array_equal(known, valid):
                distances = None
        if sharing is None:
            boundary = boundary_uncertainty(
                error, labels, geometry.spacing, valid=valid, distances=distances
            ).length
        else:
            boundary = sharing.boundary_length
        return cls(
            measure,
            values,
            error,
            labels,
            valid,
            geometry,
            result.class_names,
            result.record["run_id"],
            boundary,
            threshold_curve(values, error, valid, geometry.voxel_volume),
        )

    @property
    def is_held(self) -> bool:
        """Whether the maps are in memory."""
        return True

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest value of the measure; 0 and 0 where no voxel has one."""
        return self.curve.bounds

    def percentile(self, percent: float) -> float:
        """Return a percentile of the measure over the valid voxels, linear between two values."""
        counts, edges = self.curve.counts, self.curve.edges
        count = int(counts.sum())
        if count == 0:
            return 0.0
        rank = percent / 100.0 * (count - 1)
        # Only the bins from the wanted one on are sorted: a small part of a volume. One bin more,
        # because the edges are rounded.
        below = np.cumsum(counts) - counts
        edge = edges[max(int(np.searchsorted(below, int(rank), side="right")) - 2, 0)]
        tail = np.sort(self.values[self.valid & (self.values >= np.float32(edge))])
        place = tail.size - count + rank
        low = int(place)
        first, second = float(tail[low]), float(tail[min(low + 1, tail.size - 1)])
        return first + (second - first) * (place - low)

    @property
    def shape(self) -> Index3:
        """``(Z, Y, X)`` of the maps."""
        z, y, x = self.values.shape
        return z, y, x

    def gather(self, threshold: float) -> VoxelTable:
        """Return the voxels above a threshold, with what regions need of them."""
        parts = list(self.gather_parts(threshold))
        indices = np.concatenate([part.voxels.indices for part in parts])
        return VoxelTable(
            SparseVoxels.of(self.shape, indices),
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.expected_error for part in parts]),
            np.concatenate([part.labels for part in parts]),
        )

    def gather_parts(self, threshold: float) -> Iterator[VoxelTable]:
        """Yield the same slab by slab; flat indices are those of the whole volume."""
        plane = int(np.prod(self.shape[1:]))
        for box in self.slabs():
            values, errors, labels, valid = self.maps(box)
            places = np.flatnonzero((values > threshold) & valid)
            yield VoxelTable(
                SparseVoxels.of(self.shape, places + box.start[0] * plane),
                values.reshape(-1)[places],
                errors.reshape(-1)[places],
                labels.reshape(-1)[places],
            )

    def maps(self, box: Roi) -> Maps:
        """Return the four maps of a box; StoreError where they are read now and damaged."""
        part = box.slices
        return self.values[part], self.expected_error[part], self.labels[part], self.valid[part]

    def slabs(self, voxels: int = _SLAB_VOXELS) -> Iterator[Roi]:
        """Yield boxes of about so many voxels, whole planes, that make the volume."""
        return plane_boxes(self.shape, voxels)

    def snap(self, settings: RegionSettings) -> RegionSettings:
        """Return settings with a lower threshold at which regions are found without delay.

        Thresholds are round numbers, a thousandth of the measure's range apart; the nearest one at
        or below is taken. Where there is no component tree yet, or it ends above the threshold, it
        is built, and the threshold stays as it is.

        Raises
        ------
        SettingsError
            If a number is out of range, or the settings are of another measure.
        """
        self._check(settings)
        levels = self._trees.get(self, settings, nearby=True).levels
        return replace(settings, lower=levels.snap(settings.lower))

    def find(self, settings: RegionSettings, names: RegionNames | None = None) -> RegionTable:
        """Find the regions above the lower threshold.

        Parameters
        ----------
        settings : RegionSettings
            A threshold from :meth:`snap` costs milliseconds; for another one the component tree
            may have to be built anew.
        names : RegionNames, optional
            Gives the ids, and remembers new ones; without it they count from 1.

        Raises
        ------
        SettingsError
            If a number is out of range, or the settings are of another measure.
        """
        self._check(settings)
        groups, table = self._trees.get(self, settings).regions(self, settings)
        ids = np.arange(1, groups.size + 1, dtype=np.int32) if names is None else names.name(groups)
        regions = describe_regions(
            groups,
            ids,
            table.values,
            table.labels,
            len(self.class_names),
            self.geometry.voxel_volume,
        )
        return RegionTable(
            self.measure,
            settings.lower,
            regions,
            RegionMap(groups, ids),
            self.curve.total,
            self.boundary_length,
            self.class_names,
            self.geometry.unit,
            self.run_id,
        )

    def _check(self, settings: RegionSettings) -> None:
        settings.checked()
        if settings.measure != self.measure:
            raise SettingsError(
                f"these maps are of {self.measure}; the settings are of {settings.measure}: read "
                "the maps of that measure"
            )


def plane_boxes(shape: Index3, voxels: int, step: int = 1) -> Iterator[Roi]:
    """Yield boxes of whole planes that make a volume, a multiple of `step` planes at a time."""
    depth, height, width = shape
    planes = max(1, voxels // (height * width) // step) * step
    for low in range(0, depth, planes):
        yield Roi((low, 0, 0), (min(low + planes, depth), height, width))


def _expected_error(result: Result) -> NDArray[np.float32]:
    """Return one minus the largest mean probability; stored, or made where it was left out."""
    if "expected_error" in result.measures:
        return result.read("expected_error")
    expected: NDArray[np.float32] = 1.0 - result.read("mean_probability").max(axis=0)
    return expected
