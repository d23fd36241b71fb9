"""Patches for training, at random and changed at random, and for validation, always the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.training.augmentation import GreyValues, augment_grey_values
from napari_bayesseg.training.class_voxels import ClassVoxels
from napari_bayesseg.training.dataset import TrainingCase
from napari_bayesseg.training.settings import TrainingSettings
from napari_bayesseg.training.spatial_augmentation import cut_changed, draw_matrix

__all__ = ["Batch", "PatchSampler", "validation_batches"]

Image = NDArray[np.float32]
Labels = NDArray[np.int32]


class Batch(NamedTuple):
    """Patches for one step.

    Attributes
    ----------
    images : (N, 1, Z, Y, X) float32
        In standard deviations from the scan's mean.
    labels : (N, Z, Y, X) int64
        Classes from 0; -1 where there is no label: ignored, padded or unlabelled voxels.
    """

    images: Tensor
    labels: Tensor

    @classmethod
    def of(cls, patches: Sequence[tuple[Image, Labels]]) -> Batch:
        """Stack patches of one shape."""
        images = torch.from_numpy(np.stack([image for image, _ in patches]))[:, None]
        labels = torch.from_numpy(np.stack([labels for _, labels in patches]).astype(np.int64))
        return cls(images, labels)


@dataclass(frozen=True)
class _Source:
    """A scan to draw patches from, padded to the size of one."""

    image: Image
    labels: Labels | None
    voxels: ClassVoxels | None
    spacing: tuple[float, float, float]
    is_square: bool
    grey: GreyValues | None


class PatchSampler:
    """Draws batches of patches; the same generator gives the same batches.

    A patch comes from a scan drawn in proportion to its voxels. The share `foreground_share` of the
    patches is placed at random around a voxel of a class, which is drawn uniformly from those the
    scan has besides background; the others lie anywhere, but on some labelled voxel. Scans without
    labels give patches from anywhere, all -1.

    Scans smaller than the patch are padded at the high end by edge replication, as at prediction;
    padded voxels carry the label -1, which the loss ignores. Only scans whose spacing is the same
    along y and x have these axes swapped.

    Parameters
    ----------
    cases : sequence of TrainingCase
        At least one.
    settings : TrainingSettings
        Patch shape, batch size, foreground share and augmentation.
    generator : numpy.random.Generator
        The only source of randomness: its state is the sampler's.
    batch_size : int, optional
        Other than that of the settings.
    """

    def __init__(
        self,
        cases: Sequence[TrainingCase],
        settings: TrainingSettings,
        generator: np.random.Generator,
        *,
        batch_size: int | None = None,
    ) -> None:
        self._sources = [_source(case, settings) for case in cases]
        self._settings = settings
        self._generator = generator
        self._batch_size = settings.batch_size if batch_size is None else batch_size
        sizes = np.array([source.image.size for source in self._sources], dtype=np.float64)
        self._shares = sizes / sizes.sum()

    def batch(self) -> Batch:
        """Return the next patches."""
        return Batch.of([self._patch() for _ in range(self._batch_size)])

    def _patch(self) -> tuple[Image, Labels]:
        settings, generator = self._settings, self._generator
        source = self._sources[int(generator.choice(len(self._sources), p=self._shares))]
        image, labels = self._cut(source)
        change = settings.augmentation
        if change.flip:
            axes = tuple(axis for axis in range(3) if generator.random() < 0.5)
            image, labels = np.flip(image, axes), np.flip(labels, axes)
        if change.transpose and source.is_square and generator.random() < 0.5:
            image, labels = image.swapaxes(1, 2), labels.swapaxes(1, 2)
        image = augment_grey_values(image, change, source.grey, source.spacing, generator)
        return np.ascontiguousarray(image), np.ascontiguousarray(labels)

    def _cut(self, source: _Source) -> tuple[Image, Labels]:
        """Return a patch, turned and zoomed where that leaves it a labelled voxel."""
        shape = self._settings.patch_shape
        start = self._start(source)
        box = _box(start, shape)
        if source.voxels is not None and (self._plain(source, box) < 0).all():
            start = self._around(source, source.voxels.draw_any(self._generator))
            box = _box(start, shape)
        plain = self._plain(source, box)
        change = self._settings.augmentation
        matrix = draw_matrix(change, source.spacing, shape, self._generator)
        if matrix is None:
            return source.image[box], plain
        image, labels = cut_changed(source.image, source.labels, start, shape, matrix)
        if labels is None:
            return image, plain
        return (image, labels) if (labels >= 0).any() else (source.image[box], plain)

    def _plain(self, source: _Source, box: tuple[slice, ...]) -> Labels:
        if source.labels is None:
            return np.full(self._settings.patch_shape, -1, np.int32)
        return source.labels[box]

    def _start(self, source: _Source) -> Index3:
        generator, shape = self._generator, self._settings.patch_shape
        share = self._settings.foreground_share
        if source.voxels is not None and share > 0 and generator.random() < share:
            value = int(generator.choice(source.voxels.foreground))
            return self._around(source, source.voxels.draw(value, generator))
        z, y, x = (
            int(generator.integers(n - p + 1))
            for n, p in zip(source.image.shape, shape, strict=True)
        )
        return z, y, x

    def _around(self, source: _Source, voxel: Index3) -> Index3:
        """Return a random start of a patch that holds a voxel and lies inside the scan."""
        z, y, x = (
            int(self._generator.integers(max(0, v - p + 1), min(v, n - p) + 1))
            for v, n, p in zip(voxel, source.image.shape, self._settings.patch_shape, strict=True)
        )
        return z, y, x


def _source(case: TrainingCase, settings: TrainingSettings) -> _Source:
    image, labels = _padded(case, settings.patch_shape)
    _, y, x = case.geometry.spacing
    square = settings.patch_shape[1] == settings.patch_shape[2] and abs(y - x) <= 1e-3 * x
    needs_grey = settings.augmentation.gamma > 0 or settings.augmentation.bias_field > 0
    return _Source(
        image,
        labels,
        None if labels is None else ClassVoxels(labels),
        case.geometry.spacing,
        square,
        GreyValues.of(case.image) if needs_grey else None,
    )


def _padded(case: TrainingCase, patch_shape: Index3) -> tuple[Image, Labels | None]:
    """Return a scan's grey values and labels, padded at the high end to a patch's size."""
    missing = [(0, max(p - n, 0)) for p, n in zip(patch_shape, case.image.shape, strict=True)]
    if not any(high for _, high in missing):
        return case.image, case.labels
    image = np.pad(case.image, missing, mode="edge")
    if case.labels is None:
        return image, None
    return image, np.pad(case.labels, missing, constant_values=-1)


def _box(start: Index3, shape: Index3) -> tuple[slice, ...]:
    return tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True))


def validation_batches(
    held_out: Sequence[TrainingCase], settings: TrainingSettings, *, max_patches: int = 32
) -> list[Batch]:
    """Cut held-out scans into patches: unchanged, and the same ones each time.

    They cover each scan in a regular grid; where they overlap, only the first one counts a voxel,
    and the others carry -1 there. Of scans that need more than there may be, an even choice is
    taken, of which the share `foreground_share` holds a class besides background, as in training.

    Parameters
    ----------
    held_out : sequence of TrainingCase
        Those without labels are left out.
    settings : TrainingSettings
    max_patches : int
        Of all scans together, but at least one of each.

    Returns
    -------
    list of Batch
        Each patch has a labelled voxel; the last batch may be smaller. Empty without scans.
    """
    labelled = [case for case in held_out if case.labels is not None]
    patches = []
    for case in labelled:
        patches += _regular_patches(case, settings, max(1, max_patches // len(labelled)))
    size = settings.batch_size
    return [Batch.of(patches[at : at + size]) for at in range(0, len(patches), size)]


def _regular_patches(
    case: TrainingCase, settings: TrainingSettings, limit: int
) -> list[tuple[Image, Labels]]:
    image, labels = _padded(case, settings.patch_shape)
    if labels is None:
        return []
    boxes = [box for box in _grid(image.shape, settings.patch_shape) if (labels[box] >= 0).any()]
    if len(boxes) > limit:
        with_class = [box for box in boxes if (labels[box] > 0).any()]
        chosen = _evenly(with_class, round(limit * settings.foreground_share))
        others = [box for box in boxes if box not in chosen]
        chosen += _evenly(others, limit - len(chosen))
        boxes = [box for box in boxes if box in chosen]
    left = labels.copy()
    patches = []
    for box in boxes:
        if (left[box] >= 0).any():
            patches.append((image[box], left[box].copy()))
        left[box] = -1
    return patches


def _grid(shape: tuple[int, ...], patch_shape: Index3) -> list[tuple[slice, ...]]:
    """Return as few boxes as cover a volume, at equal distances."""
    starts = []
    for length, patch in zip(shape, patch_shape, strict=True):
        count = -(-length // patch)
        starts.append(np.linspace(0, length - patch, count).round().astype(int).tolist())
    return [_box((z, y, x), patch_shape) for z, y, x in product(*starts)]


def _evenly(boxes: list[tuple[slice, ...]], count: int) -> list[tuple[slice, ...]]:
    """Return at most `count` of a list, from the middle of equal parts of it."""
    count = min(count, len(boxes))
    return [boxes[(2 * part + 1) * len(boxes) // (2 * count)] for part in range(count)]
