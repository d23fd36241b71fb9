"""Local counts of softmax draws in torch, for draws that lie on a graphics card."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.posteriors.device_statistics import SCRATCH_BYTES

__all__ = ["DeviceCounts", "count_on_device"]

_NUM_CONFIGURATIONS = 256
# Of a voxel: the class in 64 bits and in 32, which voxels are NaN, and two codes of a class.
_BYTES_PER_VOXEL = 24


@dataclass(frozen=True)
class DeviceCounts:
    """What is counted in each of T draws for each of C classes, on the device of the draws.

    Attributes
    ----------
    voxels : (T, C) int64
    configurations : (T, C, 256) int64
        As in :class:`~napari_bayesseg.numerics.draw_counts.DrawCounts`.
    """

    voxels: Tensor
    configurations: Tensor


@torch.inference_mode()
def count_on_device(
    probs: Tensor, core_shape: Index3, *, scratch_bytes: int = SCRATCH_BYTES
) -> DeviceCounts:
    """Count classes and 2x2x2 cells of softmax draws where they lie.

    The same as :func:`~napari_bayesseg.numerics.draw_counts.count_draws`.

    Parameters
    ----------
    probs : (T, C, z, y, x) float32
        Of the core and at most one voxel more on the high side of each axis.
    core_shape : (z, y, x)
        The leading part of the box whose voxels and cells are counted.
    scratch_bytes : int
        Largest memory taken on the way; the result does not depend on it. Two planes of voxels
        at a time are the least.

    Raises
    ------
    SettingsError
        If the box is not the core and at most one voxel more.
    """
    box = tuple(probs.shape[2:])
    if probs.ndim != 5 or any(not c <= b <= c + 1 for b, c in zip(box, core_shape, strict=True)):
        raise SettingsError(
            "probs must be (draws, classes, z, y, x) of the core and at most one voxel more on "
            f"each axis; got shape {tuple(probs.shape)} for a core of {core_shape}"
        )
    num_draws, num_classes, depth, height, width = probs.shape
    voxels = probs.new_zeros((num_draws, num_classes), dtype=torch.int64)
    cells = probs.new_zeros((num_draws, num_classes, _NUM_CONFIGURATIONS), dtype=torch.int64)
    planes = max(1, scratch_bytes // (_BYTES_PER_VOXEL * height * width) - 1)
    for start in range(0, core_shape[0], planes):
        stop = min(start + planes, core_shape[0])
        for t, draw in enumerate(probs[:, :, start : min(stop + 1, depth)]):
            classes = _classes(draw)
            owned = classes[: stop - start, : core_shape[1], : core_shape[2]]
            voxels[t] += torch.bincount(owned.flatten(), minlength=num_classes + 1)[:num_classes]
            for c in range(num_classes):
                code = _corner_codes(classes == c).flatten()
                cells[t, c] += torch.bincount(code, minlength=_NUM_CONFIGURATIONS)
    return DeviceCounts(voxels, cells)


def _classes(draw: Tensor) -> Tensor:
    """Return the first largest class ``(z, y, x)``, or C where any probability is NaN."""
    classes = draw.argmax(0).int()
    return classes.masked_fill_(draw.sum(0).isnan(), len(draw))


def _corner_codes(mask: Tensor) -> Tensor:
    """Return the code of each 2x2x2 cell ``(z - 1, y - 1, x - 1)``: bit ``4 dz + 2 dy + dx``."""
    code = mask.byte()
    code = code[..., :-1] | code[..., 1:] << 1
    code = code[:, :-1] | code[:, 1:] << 2
    return code[:-1] | code[1:] << 4
