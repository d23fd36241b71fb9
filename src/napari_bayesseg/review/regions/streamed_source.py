"""The maps of a result that is larger than the memory, read slab by slab when they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.threshold_curve import threshold_curve_of_slabs
from napari_bayesseg.review.labels.stored_arrays import read_piece
from napari_bayesseg.review.regions.region_source import RegionSource, Slab

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
        geometry = result.geometry
        curve = threshold_curve_of_slabs(
            lambda: (
                (values, errors, valid) for _, values, errors, _, valid in _slabs(result, measure)
            ),
            geometry.voxel_volume,
        )
        lazy: Any = result.array(measure)  # indexed like an array, and never made one
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
            curve,
            result=result,
        )

    def slabs(self) -> Iterator[Slab]:
        """Yield the first plane of a slab, and of its planes the four maps."""
        assert self.result is not None
        yield from _slabs(self.result, self.measure)

    def percentile(self, percent: float) -> float:
        """Return a percentile of the measure over the valid voxels, as exact as the curve."""
        counts, edges = self.curve.counts, self.curve.edges
        if not counts.sum():
            return 0.0
        below = np.concatenate([[0], np.cumsum(counts)])
        return float(np.interp(percent / 100 * below[-1], below, edges))


def _error_maps(result: Result) -> tuple[str, ...]:
    return ("expected_error",) if "expected_error" in result.measures else ("mean_probability",)


def _slabs(result: Result, measure: str) -> Iterator[Slab]:
    shape = result.spec.shape
    values, labels = result.array(measure), result.labels
    (error_map,) = _error_maps(result)
    errors = result.array(error_map)
    chunk = int(labels.chunks[0])
    depth = max(1, _SLAB_VOXELS // (shape[1] * shape[2]) // chunk) * chunk
    for start in range(0, shape[0], depth):
        part = (slice(start, min(start + depth, shape[0])),)
        value = read_piece(values, part, f"{result.path}: {measure}")
        error: NDArray[np.float32]
        if error_map == "expected_error":
            error = read_piece(errors, part, f"{result.path}: {error_map}")
        else:
            key = (slice(None), *part)
            error = 1.0 - read_piece(errors, key, f"{result.path}: {error_map}").max(axis=0)
        label = read_piece(labels, part, f"{result.path}: labels")
        yield start, value, error, label, np.isfinite(value) & np.isfinite(error)
