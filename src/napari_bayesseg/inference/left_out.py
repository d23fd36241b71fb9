"""Blocks that need no computing: nothing is in them, or nobody asked about them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.block import BlockResult
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.numerics.draw_counts import DrawCounts

__all__ = ["LeavingOut", "empty_result", "open_leaving_out"]

_SLAB_VOXELS = 2**24


@dataclass(frozen=True)
class LeavingOut:
    """Which blocks are left out.

    Attributes
    ----------
    scan : Volume
        Stored grey values.
    below : float or None
        A block without a voxel above it is left out.
    mask : Volume or None
        A block in which it is 0 everywhere is left out.
    mask_sha256 : str or None
        Of the mask's shape, type and voxels.
    """

    scan: Volume
    below: float | None = None
    mask: Volume | None = None
    mask_sha256: str | None = None

    def __call__(self, core: Roi) -> bool:
        """Return whether a block is left out; reads its core."""
        if self.mask is not None and not np.any(self.mask.read(core)):
            return True
        # NaN is above nothing.
        return self.below is not None and not np.any(self.scan.read(core) > self.below)

    @property
    def identity(self) -> dict[str, str]:
        """What of the mask determines the numbers of a run."""
        return {} if self.mask_sha256 is None else {"skip_outside_sha256": self.mask_sha256}

    @property
    def record(self) -> dict[str, dict[str, str | None]]:
        """Where the mask came from, for the provenance."""
        if self.mask is None:
            return {}
        source = self.mask.spec.source
        path = str(source.resolve()) if source is not None else None
        return {"skip_outside": {"path": path, "sha256": self.mask_sha256}}


def open_leaving_out(settings: InferenceSettings, scan: Volume) -> LeavingOut | None:
    """Open what the settings name; None where every block is computed.

    Raises
    ------
    SettingsError
        If the mask has another shape than the scan.
    FormatError, GeometryError
        If the mask can't be read.
    """
    if settings.skip_outside is None:
        return None if settings.skip_below is None else LeavingOut(scan, settings.skip_below)
    mask = read_volume(Path(settings.skip_outside))
    if mask.shape != scan.shape:
        raise SettingsError(
            f"skip_outside: the mask {mask.spec.name} must have the scan's shape {scan.shape}; "
            f"got {mask.shape} (order Z, Y, X)"
        )
    return LeavingOut(scan, settings.skip_below, mask, _sha256(mask))


def _sha256(mask: Volume) -> str:
    """Hash shape, type and voxels, in bounded memory: alike for any file format."""
    depth, height, width = mask.shape
    digest = hashlib.sha256(f"{mask.shape}/{mask.spec.dtype}/".encode())
    rows = max(1, min(height, _SLAB_VOXELS // width))
    for z in range(depth):
        for y in range(0, height, rows):
            stop: Index3 = (z + 1, min(y + rows, height), width)
            digest.update(np.ascontiguousarray(mask.read(Roi((z, y, 0), stop))).data)
    return digest.hexdigest()


def empty_result(
    core: Roi, num_samples: int, num_classes: int, measures: tuple[str, ...]
) -> BlockResult:
    """Return what is stored of a block that was left out: label 0, nothing known, no counts."""
    labels: np.ndarray[Any, Any] = np.zeros(
        core.shape, np.uint8 if num_classes <= 256 else np.uint16
    )
    return BlockResult(
        labels,
        np.full((num_classes, *core.shape), np.nan, np.float32),
        {name: np.full(core.shape, np.nan, np.float32) for name in measures},
        DrawCounts.zeros(num_samples, num_classes),
    )
