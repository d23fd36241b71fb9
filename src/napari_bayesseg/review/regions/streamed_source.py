"""The maps of a result that is larger than the memory, read slab by slab when they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.numerics.threshold_curve import threshold_curve_of_slabs
from napari_bayesseg.review.labels.stored_arrays import read_piece
from napari_bayesseg.review.regions.region_source import Maps, RegionSource, plane_boxes

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result

__all__ = ["StreamedSource"]

_SLAB_VOXELS = 2**24


@dataclass(frozen=True, eq=False)
class StreamedSource(RegionSource):
    """A source whose maps stay on the disk; only what lies above a threshold is held.

    There is no excess, whose distances to the boundary need the whole volume, and so the ordinary
    shell is not told apart (`boundary_length` is NaN). Percentiles are linear between the 1,024
    bins of the curve.

    Attributes
    ----------
    result : Result
    """

    result: Result | None = None

    @classmethod
    def stream(cls, result: Result, measure: str) -> StreamedSource:
        """Read a plain measure once, for its curve.

        Raises
        ------
        StoreError
            If the result is damaged.
        """
        for name in (measure, "labels", *_error_maps(result)):
            result.check_complete(name)
        geometry, step = result.geometry, int(result.labels.chunks[0])

        def slabs() -> Iterator[tuple[Any, Any, Any]]:
            for box in plane_boxes(result.spec.shape, _SLAB_VOXELS, step):
                values, errors, _, valid = _read(result, measure, box)
                yield values, errors, valid

        # Only looked at for their shape; what they hold is read by `maps`.
        lazy: Any = result.array(measure)
        return cls(
            measure,
            lazy,
            lazy,
            lazy,
            lazy,
            geometry,
            result.class_names,
            result.record["run_id"],
            float("nan"),
            threshold_curve_of_slabs(slabs, geometry.voxel_volume),
            result=result,
        )

    @property
    def is_held(self) -> bool:
        """Whether the maps are in memory: no."""
        return False

    @property
    def _whole(self) -> Result:
        assert self.result is not None
        return self.result

    def maps(self, box: Roi) -> Maps:
        """Return the four maps of a box; StoreError if the result is damaged there."""
        return _read(self._whole, self.measure, box)

    def slabs(self, voxels: int = _SLAB_VOXELS) -> Iterator[Roi]:
        """Yield boxes of about so many voxels that make the volume; no chunk is read twice."""
        return plane_boxes(self.shape, voxels, int(self._whole.labels.chunks[0]))

    def percentile(self, percent: float) -> float:
        """Return a percentile of the measure over the valid voxels, as exact as the curve."""
        counts, edges = self.curve.counts, self.curve.edges
        if not counts.sum():
            return 0.0
        below = np.concatenate([[0], np.cumsum(counts)])
        return float(np.interp(percent / 100 * below[-1], below, edges))


def _error_maps(result: Result) -> tuple[str, ...]:
    return ("expected_error",) if "expected_error" in result.measures else ("mean_probability",)


def _read(result: Result, measure: str, box: Roi) -> Maps:
    """Read the four maps of a box."""

    def read(name: str, array: LazyArray, *before: slice) -> NDArray[Any]:
        return read_piece(array, (*before, *box.slices), f"{result.path}: {name}")

    (name,) = _error_maps(result)
    values, labels = read(measure, result.array(measure)), read("labels", result.labels)
    errors: NDArray[np.float32]
    if name == "expected_error":
        errors = read(name, result.array(name))
    else:
        errors = 1.0 - read(name, result.array(name), slice(None)).max(axis=0)
    return values, errors, labels, np.isfinite(values) & np.isfinite(errors)
