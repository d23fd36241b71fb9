"""Flips at test time on top of any posterior: a cheap posterior over augmentations."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.posteriors.network import padded_shape
from napari_bayesseg.posteriors.protocol import Draw, Posterior, ScanReader
from napari_bayesseg.posteriors.whole_draws import KeptBox, WholeDrawCost

__all__ = ["FlipFeatures", "FlipPosterior", "flip_axes"]

_AXES = "zyx"


def flip_axes(text: str) -> tuple[int, ...]:
    """Read letters of axes: ``"zyx"`` gives (0, 1, 2), in this order.

    Raises
    ------
    SettingsError
        If a letter is no axis, or comes twice.
    """
    letters = text.lower()
    if len(set(letters)) != len(letters) or not set(letters) <= set(_AXES):
        raise SettingsError(f"flips must be letters of the axes z, y and x; got {text!r}")
    return tuple(_AXES.index(letter) for letter in sorted(letters, key=_AXES.index))


@dataclass(frozen=True)
class FlipFeatures:
    """What the draws of a block share: the voxels of the box and of all its mirrors."""

    core: Roi
    shape: Index3
    box: KeptBox


@dataclass(frozen=True)
class _FlippedDraw:
    posterior: Posterior
    draw: Draw
    axes: tuple[int, ...]

    def probabilities(self, features: FlipFeatures) -> NDArray[np.float32]:
        """Mirror the padded scan, run the draw on it, and mirror what it gives back."""
        extent = padded_shape(features.shape, self.posterior.stride)
        read, axes = features.box.read, self.axes

        def mirrored_read(roi: Roi) -> NDArray[np.float32]:
            return np.ascontiguousarray(np.flip(read(_mirrored(roi, extent, axes)), axes))

        core = _mirrored(features.core, extent, axes)
        # The whole padded scan is looked at: mirrored, its padding lies in front.
        own = self.posterior.prepare(core, extent, mirrored_read)
        found = self.draw.probabilities(own)
        return np.ascontiguousarray(np.flip(found, tuple(axis + 1 for axis in axes)))


def _mirrored(roi: Roi, extent: Index3, axes: tuple[int, ...]) -> Roi:
    start, stop = list(roi.start), list(roi.stop)
    for axis in axes:
        start[axis], stop[axis] = extent[axis] - roi.stop[axis], extent[axis] - roi.start[axis]
    return Roi((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


class FlipPosterior:
    """Each draw of another posterior, applied to a scan mirrored along some axes.

    The F = 2^n combinations of n axes take turns. On top of K distinct draws there are K F: all
    K unmirrored first. On top of a posterior that never repeats, draw t is its draw t with
    combination t mod F.

    Parameters
    ----------
    base : Posterior
    axes : str
        Letters of the axes to mirror, such as ``"zyx"``.

    Raises
    ------
    SettingsError
        If a letter is no axis, or none is given.

    References
    ----------
    Wang et al., "Aleatoric uncertainty estimation with test-time augmentation for medical image
    segmentation with convolutional neural networks", Neurocomputing 2019.
    """

    def __init__(self, base: Posterior, axes: str) -> None:
        chosen = flip_axes(axes)
        if not chosen:
            raise SettingsError("flips must name one axis at least of z, y and x; got none")
        self.base = base
        self.combinations: tuple[tuple[int, ...], ...] = tuple(
            tuple(axis for axis, mirrored in zip(chosen, bits, strict=True) if mirrored)
            for bits in product((False, True), repeat=len(chosen))
        )

    @property
    def num_classes(self) -> int:
        """Number of classes in the probabilities, at least 2."""
        return self.base.num_classes

    @property
    def stride(self) -> Index3:
        """Block shapes are multiples of this."""
        return self.base.stride

    @property
    def parallel_draws(self) -> int:
        """As many as the base computes at a time."""
        return self.base.parallel_draws

    @property
    def device(self) -> torch.device:
        """Where draws are computed."""
        return self.base.device

    @property
    def num_distinct(self) -> int | None:
        """Draws of the base times combinations, where those of the base repeat."""
        distinct = self.base.num_distinct
        return None if distinct is None else distinct * len(self.combinations)

    def warm_up(self) -> None:
        """Compile what the base needs."""
        self.base.warm_up()

    def read_roi(self, core: Roi, shape: Index3) -> Roi:
        """Return the smallest box that holds what each combination reads."""
        extent = padded_shape(shape, self.stride)
        boxes = [
            _mirrored(self.base.read_roi(_mirrored(core, extent, axes), extent), extent, axes)
            for axes in self.combinations
        ]
        start = np.min([box.start for box in boxes], axis=0).tolist()
        stop = np.max([box.stop for box in boxes], axis=0).tolist()
        return Roi((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    def prepare(self, core: Roi, shape: Index3, read: ScanReader) -> FlipFeatures:
        """Read what all combinations need."""
        return FlipFeatures(core, shape, KeptBox.of(self.read_roi(core, shape), read))

    def draw(self, index: int, *, seed: int) -> _FlippedDraw:
        """Return a draw of the base with one of the combinations."""
        distinct = self.base.num_distinct
        turn = index if distinct is None else index // distinct
        axes = self.combinations[turn % len(self.combinations)]
        own = index if distinct is None else index % distinct
        return _FlippedDraw(self.base, self.base.draw(own, seed=seed), axes)

    def cost(self, core: Roi, shape: Index3) -> WholeDrawCost:
        """Return what the block `core` needs in memory and operations."""
        box = self.read_roi(core, shape).size
        return WholeDrawCost(4 * box, self.base.cost(core, shape))
