"""Random rotations, tilts and zooms of patches, in the scan's own proportions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.training.method_settings import AugmentationSettings

__all__ = ["cut_changed", "draw_matrix"]

_MOST_ANISOTROPIC = 3.0  # beyond this, a tilt would mix planes that have little in common


def draw_matrix(
    settings: AugmentationSettings,
    spacing: tuple[float, float, float],
    patch_shape: Index3,
    generator: np.random.Generator,
) -> NDArray[np.float64] | None:
    """Draw a rotation in the yx plane, a tilt about y and x, and a zoom.

    Angles are in the world, so that a turned object keeps its form whatever the spacing is. Where
    spacing or patch is more than three times longer along one axis, nothing is tilted.

    Returns
    -------
    (3, 3) float64 or None
        From voxels of the patch to voxels of the scan, both counted from the patch's centre. None
        where nothing is to be changed.
    """
    matrix = np.eye(3)
    if _happens(settings, settings.rotate, generator):
        matrix = _rotation(1, 2, _angle(settings.rotate, generator)) @ matrix
    if _can_tilt(spacing, patch_shape) and _happens(settings, settings.tilt, generator):
        for axis in (1, 2):
            matrix = _rotation(0, axis, _angle(settings.tilt, generator)) @ matrix
    if _happens(settings, settings.zoom, generator):
        matrix = matrix / (1.0 + settings.zoom * generator.uniform(-1.0, 1.0))
    if np.array_equal(matrix, np.eye(3)):
        return None
    scale = np.asarray(spacing)
    return np.asarray(matrix * scale[np.newaxis, :] / scale[:, np.newaxis])


def _happens(
    settings: AugmentationSettings, strength: float, generator: np.random.Generator
) -> bool:
    return strength > 0 and bool(generator.random() < settings.probability)


def _angle(degrees: float, generator: np.random.Generator) -> float:
    return math.radians(degrees) * generator.uniform(-1.0, 1.0)


def _rotation(first: int, second: int, angle: float) -> NDArray[np.float64]:
    """Turn what is seen from axis `first` towards axis `second`, as ``numpy.rot90`` does."""
    matrix = np.eye(3)
    cosine, sine = math.cos(angle), math.sin(angle)
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = sine, -sine
    return matrix


def _can_tilt(spacing: tuple[float, float, float], patch_shape: Index3) -> bool:
    lengths = [max(values) / min(values) for values in (spacing, patch_shape)]
    return patch_shape[0] > 1 and max(lengths) <= _MOST_ANISOTROPIC


def cut_changed(
    image: NDArray[np.float32],
    labels: NDArray[Any] | None,
    start: Index3,
    shape: Index3,
    matrix: NDArray[np.float64],
) -> tuple[NDArray[np.float32], NDArray[Any] | None]:
    """Cut a patch out of a scan and change it by a matrix about its centre.

    What turns into the patch comes from the scan beside it. Outside the scan, grey values are
    those of its border, and labels -1.

    Parameters
    ----------
    image : (Z, Y, X) float32
        The scan; interpolated linearly.
    labels : (Z, Y, X) int or None
        Taken from the nearest voxel.
    start, shape : (z, y, x)
        Of the patch; its centre lies in the scan.
    matrix : (3, 3)
        Of :func:`draw_matrix`.
    """
    half = (np.asarray(shape) - 1) / 2
    centre = np.asarray(start) + half
    reach = np.abs(matrix) @ half
    low = np.clip(np.floor(centre - reach).astype(int), 0, np.asarray(image.shape) - 1)
    high = np.clip(np.ceil(centre + reach).astype(int) + 1, low + 1, image.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    affine = np.eye(4)
    affine[:3, :3] = matrix
    affine[:3, 3] = centre - low - (high - low - 1) / 2
    changed = _resample(image[box], affine, shape, mode="bilinear", padding="border")
    if labels is None:
        return changed, None
    raised = _resample(labels[box] + 1, affine, shape, mode="nearest", padding="zeros")
    return changed, np.rint(raised).astype(labels.dtype) - 1  # 0, which MONAI puts outside, is -1


def _resample(
    values: NDArray[Any], affine: NDArray[np.float64], shape: Index3, *, mode: str, padding: str
) -> NDArray[np.float32]:
    from monai.transforms.spatial.array import Affine  # takes seconds to import

    change = Affine(
        affine=affine, spatial_size=shape, mode=mode, padding_mode=padding, image_only=True
    )
    found = change(torch.from_numpy(values.astype(np.float32))[None])
    return np.asarray(found[0].numpy(), dtype=np.float32)
