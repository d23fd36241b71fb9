"""One streaming pass over a scan: its content hash and the statistics that normalise it."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import BayesSegWarning, FormatError, SettingsError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.networks.checkpoint import Normalisation
from napari_bayesseg.numerics.voxel_statistics import IntensityStatistics, VoxelStatistics

__all__ = ["NormalisedScan", "ScanSummary", "normalise", "summarise_scan"]

_SLAB_VOXELS = 2**24


@dataclass(frozen=True)
class ScanSummary:
    """Identity and grey values of a scan.

    Attributes
    ----------
    sha256 : str
        Of shape, type and voxels in C order: the same for the same content in any file format.
    statistics : IntensityStatistics
        Of the finite voxels.
    """

    sha256: str
    statistics: IntensityStatistics


def _slabs(shape: Index3) -> Iterator[Roi]:
    """Boxes in C order whose concatenation is the volume, a bounded number of voxels each.

    They depend on the shape alone, so that sums are rounded alike whatever the blocks are.
    """
    depth, height, width = shape
    rows = max(1, min(height, _SLAB_VOXELS // width))
    planes = max(1, _SLAB_VOXELS // (height * width)) if rows == height else 1
    for z in range(0, depth, planes):
        for y in range(0, height, rows):
            stop = (min(z + planes, depth), min(y + rows, height), width)
            yield Roi((z, y, 0), stop)


def summarise_scan(volume: Volume, normalisation: Normalisation) -> ScanSummary:
    """Read a scan once, in bounded memory.

    Warns (:class:`BayesSegWarning`) about voxels that are not finite, which are left out, and
    about a constant scan.

    Raises
    ------
    FormatError
        If no voxel is finite, or the scan can't be read to its end.
    """
    digest = hashlib.sha256(f"{volume.shape}/{volume.spec.dtype}/".encode())
    accumulator = VoxelStatistics()
    for roi in _slabs(volume.shape):
        slab = volume.read(roi)
        digest.update(np.ascontiguousarray(slab).data)
        accumulator.update(slab)
    name = volume.spec.name
    try:
        statistics = accumulator.finish(normalisation.low_percentile, normalisation.high_percentile)
    except SettingsError as error:
        raise FormatError(f"{name}: nothing to segment: {error}") from None
    if statistics.num_invalid:
        warnings.warn(
            f"{name}: {statistics.num_invalid} voxels are NaN or infinite; they are left out, and "
            "their uncertainty is NaN",
            BayesSegWarning,
            stacklevel=2,
        )
    if statistics.is_constant:
        warnings.warn(
            f"{name}: all voxels have the value {statistics.minimum:g}; the result means nothing",
            BayesSegWarning,
            stacklevel=2,
        )
    return ScanSummary(digest.hexdigest(), statistics)


def normalise(
    voxels: NDArray[Any], statistics: IntensityStatistics
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Express grey values in standard deviations from the mean, both of the clipped volume.

    The values themselves are not clipped. Voxels that are not finite become 0, the mean.

    Returns
    -------
    normalised : float32, same shape
    valid : bool, same shape
        False where the voxel was not finite.
    """
    valid = np.isfinite(voxels)
    scale = statistics.std if statistics.std > 0 else 1.0
    centred = np.subtract(voxels, statistics.mean, dtype=np.float64)
    normalised = (centred / scale).astype(np.float32)
    if not valid.all():
        normalised[~valid] = 0.0
    return normalised, valid


@dataclass(frozen=True)
class NormalisedScan:
    """A scan as the networks see it: normalised, padded at the high end by edge replication."""

    volume: Volume
    statistics: IntensityStatistics

    def read(self, roi: Roi) -> NDArray[np.float32]:
        """Return a box of the padded scan, ``(z, y, x)`` float32."""
        inside = roi.intersection(Roi.whole(self.volume.shape))
        # A box that lies in the padding alone still needs the last voxels of the scan.
        start = tuple(min(a, n - 1) for a, n in zip(inside.start, self.volume.shape, strict=True))
        source = Roi((start[0], start[1], start[2]), inside.stop)
        voxels, _ = normalise(self.volume.read(source), self.statistics)
        missing = [(0, b - n) for b, n in zip(roi.stop, source.stop, strict=True)]
        padded = np.pad(voxels, missing, mode="edge")
        return np.ascontiguousarray(padded[roi.relative_to(source.start).slices])

    def valid(self, roi: Roi) -> NDArray[np.bool_]:
        """Return which voxels of a box inside the scan are finite."""
        mask: NDArray[np.bool_] = np.isfinite(self.volume.read(roi))
        return mask
