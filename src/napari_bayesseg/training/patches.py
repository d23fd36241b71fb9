"""Random training patches with augmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_bayesseg.training.dataset import TrainingCase
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["PatchSampler"]


class PatchSampler:
    """Draws batches of patches; the same seed gives the same batches.

    Scans smaller than the patch are padded at the high end by edge replication, as at prediction;
    padded voxels carry the label -1, which the loss ignores. Only scans whose spacing is the same
    along y and x have these axes swapped.
    """

    def __init__(
        self,
        cases: Sequence[TrainingCase],
        settings: TrainingSettings,
        generator: np.random.Generator,
    ) -> None:
        self._cases = [self._padded(case, settings) for case in cases]
        self._settings = settings
        self._square = [_is_square(case, settings) for case in cases]
        self._generator = generator
        sizes = np.array([image.size for image, _ in self._cases], dtype=np.float64)
        self._shares = sizes / sizes.sum()

    @staticmethod
    def _padded(
        case: TrainingCase, settings: TrainingSettings
    ) -> tuple[NDArray[np.float32], NDArray[Any]]:
        missing = [
            (0, max(p - n, 0)) for p, n in zip(settings.patch_shape, case.image.shape, strict=True)
        ]
        labels = case.labels
        if any(high for _, high in missing):
            labels = np.pad(labels.astype(np.int16), missing, constant_values=-1)
        return np.pad(case.image, missing, mode="edge"), labels

    def batch(self) -> tuple[Tensor, Tensor]:
        """Return images ``(N, 1, Z, Y, X)`` float32 and labels ``(N, Z, Y, X)`` int64."""
        patches = [self._patch() for _ in range(self._settings.batch_size)]
        images = torch.from_numpy(np.stack([image for image, _ in patches]))[:, None]
        labels = torch.from_numpy(np.stack([labels for _, labels in patches]).astype(np.int64))
        return images, labels

    def _patch(self) -> tuple[NDArray[np.float32], NDArray[Any]]:
        generator, settings = self._generator, self._settings
        index = generator.choice(len(self._cases), p=self._shares)
        image, labels = self._cases[index]
        starts = [
            int(generator.integers(n - p + 1))
            for n, p in zip(image.shape, settings.patch_shape, strict=True)
        ]
        box = tuple(slice(s, s + p) for s, p in zip(starts, settings.patch_shape, strict=True))
        image, labels = image[box], labels[box]
        if settings.augmentation.flip:
            axes = tuple(axis for axis in range(3) if generator.random() < 0.5)
            image, labels = np.flip(image, axes), np.flip(labels, axes)
        if settings.augmentation.transpose and self._square[index] and generator.random() < 0.5:
            image, labels = image.swapaxes(1, 2), labels.swapaxes(1, 2)
        gain = 1.0 + settings.augmentation.gain * generator.uniform(-1, 1)
        shift = settings.augmentation.shift * generator.uniform(-1, 1)
        changed = (image * np.float32(gain) + np.float32(shift)).astype(np.float32)
        return changed, np.ascontiguousarray(labels)


def _is_square(case: TrainingCase, settings: TrainingSettings) -> bool:
    """Whether a patch of the scan covers as much along y as along x."""
    _, y, x = case.geometry.spacing
    return settings.patch_shape[1] == settings.patch_shape[2] and abs(y - x) <= 1e-3 * x
