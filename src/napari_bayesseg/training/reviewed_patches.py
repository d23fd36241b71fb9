"""Random patches of scans of which some voxels were reviewed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.training.pieces import Piece

__all__ = ["ReviewedBatch", "ReviewedPatches"]


class ReviewedBatch(NamedTuple):
    """Images ``(N, 1, Z, Y, X)`` float32, labels int64 and trust float32 ``(N, Z, Y, X)``."""

    images: Tensor
    labels: Tensor
    trust: Tensor


class ReviewedPatches:
    """Draws batches: a fixed share of the patches around reviewed voxels, the others anywhere.

    Reviewed places that touch are one; each is drawn in proportion to the square root of its
    voxels, so that small ones count and large ones are seen whole. A patch lies at random around
    the voxel that was drawn.

    Parameters
    ----------
    pieces : sequence of Piece
        One reviewed voxel among them at least.
    patch_shape : (z, y, x)
    batch_size : int
    reviewed_share : float
        At least one patch of each kind is in every batch.
    flips, transposes : bool
        Mirror along each axis, swap y and x where spacing and patch allow.
    gain, shift : float
        Grey values times 1 +- gain, plus +- shift.
    generator : numpy.random.Generator
    """

    def __init__(
        self,
        pieces: Sequence[Piece],
        patch_shape: Index3,
        batch_size: int,
        reviewed_share: float,
        *,
        flips: bool,
        transposes: bool,
        gain: float,
        shift: float,
        generator: np.random.Generator,
    ) -> None:
        self._pieces, self._shape, self._generator = pieces, patch_shape, generator
        self._flips, self._transposes = flips, transposes
        self._gain, self._shift = gain, shift
        reviewed = round(reviewed_share * batch_size)
        self._reviewed = min(max(reviewed, 1), batch_size - 1)
        self._elsewhere = batch_size - self._reviewed
        sizes = np.array([piece.image.size for piece in pieces], np.float64)
        self._shares = sizes / sizes.sum()
        self._places = [
            (index, voxels) for index, piece in enumerate(pieces) for voxels in _places(piece)
        ]
        weights = np.sqrt([len(voxels) for _, voxels in self._places])
        self._weights = weights / weights.sum()

    def batch(self) -> ReviewedBatch:
        """Return the next patches, those around reviewed voxels first."""
        patches = [self._changed(*self._around()) for _ in range(self._reviewed)]
        patches += [self._changed(*self._anywhere()) for _ in range(self._elsewhere)]
        images, labels, trust = (np.stack(parts) for parts in zip(*patches, strict=True))
        return ReviewedBatch(
            torch.from_numpy(images)[:, None],
            torch.from_numpy(labels.astype(np.int64)),
            torch.from_numpy(trust),
        )

    def _around(self) -> tuple[Piece, tuple[slice, ...]]:
        place = int(self._generator.choice(len(self._places), p=self._weights))
        index, voxels = self._places[place]
        piece = self._pieces[index]
        flat = int(self._generator.choice(voxels))
        centre = [int(index) for index in np.unravel_index(flat, piece.image.shape)]
        starts = [
            int(self._generator.integers(max(0, v - p + 1), min(v, n - p) + 1))
            for v, n, p in zip(centre, piece.image.shape, self._shape, strict=True)
        ]
        return piece, self._box(starts)

    def _anywhere(self) -> tuple[Piece, tuple[slice, ...]]:
        piece = self._pieces[int(self._generator.choice(len(self._pieces), p=self._shares))]
        starts = [
            int(self._generator.integers(n - p + 1))
            for n, p in zip(piece.image.shape, self._shape, strict=True)
        ]
        return piece, self._box(starts)

    def _box(self, starts: Sequence[int]) -> tuple[slice, ...]:
        return tuple(slice(a, a + n) for a, n in zip(starts, self._shape, strict=True))

    def _changed(
        self, piece: Piece, box: tuple[slice, ...]
    ) -> tuple[NDArray[np.float32], NDArray[np.int16], NDArray[np.float32]]:
        parts: list[NDArray[Any]] = [p[box] for p in (piece.image, piece.labels, piece.trust)]
        if self._flips:
            axes = tuple(axis for axis in range(3) if self._generator.random() < 0.5)
            parts = [np.flip(part, axes) for part in parts]
        if self._transposes and piece.is_square and self._generator.random() < 0.5:
            parts = [part.swapaxes(1, 2) for part in parts]
        image, labels, trust = parts
        gain = np.float32(1.0 + self._gain * self._generator.uniform(-1.0, 1.0))
        shift = np.float32(self._shift * self._generator.uniform(-1.0, 1.0))
        return image * gain + shift, labels, trust


def _places(piece: Piece) -> list[NDArray[np.int64]]:
    """Return the flat indices of the voxels of each reviewed place."""
    found, count = ndimage.label(piece.labels >= 0, np.ones((3, 3, 3)))
    flat = found.reshape(-1)
    inside = np.flatnonzero(flat)
    order = np.argsort(flat[inside], kind="stable")
    ends = np.cumsum(np.bincount(flat[inside], minlength=count + 1)[1:])
    return np.split(inside[order], ends[:-1]) if count else []
