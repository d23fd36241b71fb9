"""Accuracy against uncertainty of patches: whether the network is sure where it is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.error_histogram import ErrorHistogram
from napari_bayesseg.numerics.ranked_errors import RankedErrors

__all__ = ["PatchCounts", "PatchErrors", "PatchForm", "count_patches", "counts_at"]

PatchForm = Literal["tiles", "sliding"]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class PatchCounts:
    """Patches by whether they are accurate and whether the network is certain of them.

    Attributes
    ----------
    accurate_certain, accurate_uncertain, inaccurate_certain, inaccurate_uncertain : int
    """

    accurate_certain: int
    accurate_uncertain: int
    inaccurate_certain: int
    inaccurate_uncertain: int

    @property
    def accurate_given_certain(self) -> float:
        """Share of the certain patches that is accurate; NaN where none is certain."""
        return _share(self.accurate_certain, self.accurate_certain + self.inaccurate_certain)

    @property
    def uncertain_given_inaccurate(self) -> float:
        """Share of the inaccurate patches that is uncertain; NaN where none is inaccurate."""
        return _share(
            self.inaccurate_uncertain, self.inaccurate_uncertain + self.inaccurate_certain
        )

    @property
    def pavpu(self) -> float:
        """Share of all patches that is accurate and certain, or neither; NaN without a patch."""
        agreeing = self.accurate_certain + self.inaccurate_uncertain
        return _share(agreeing, agreeing + self.accurate_uncertain + self.inaccurate_certain)


def count_patches(
    prediction: NDArray[np.integer[Any]],
    truth: NDArray[np.integer[Any]],
    uncertainty: NDArray[np.floating[Any]],
    *,
    patch_shape: Sequence[int],
    uncertainty_threshold: float,
    accuracy_threshold: float = 0.5,
    form: PatchForm = "tiles",
) -> PatchCounts:
    """Count the patches of arrays in memory, in double precision.

    Parameters
    ----------
    prediction, truth : (...) int
        In two or three dimensions.
    uncertainty : (...) float
        Of the same shape.
    patch_shape : sequence of int
        One length an axis, in voxels.
    uncertainty_threshold : float
        In the measure's unit.
    accuracy_threshold : float
        Share of right voxels.
    form : {"tiles", "sliding"}
        ``"tiles"``: patches side by side; accurate and uncertain is what is above a threshold, and
        what doesn't fill a patch at the far borders is left out. ``"sliding"``: a patch at every
        voxel that has room for one, but for the last one of all; what reaches a threshold counts.
        Both are as their authors compute them.

    Raises
    ------
    SettingsError
        If the shapes differ, or the patch doesn't fit into them.

    References
    ----------
    Mukhoti & Gal, "Evaluating Bayesian deep learning methods for semantic segmentation", 2018,
    arXiv:1811.12709, section 3 (tiles); LaBonte, Martinez & Roberts, "We know where we don't know:
    3D Bayesian CNNs for credible geometric uncertainty", 2019, arXiv:1910.10793 (sliding).
    """
    if not prediction.shape == truth.shape == uncertainty.shape:
        raise SettingsError(
            "prediction, truth and uncertainty must have one shape; got "
            f"{prediction.shape}, {truth.shape} and {uncertainty.shape}"
        )
    accuracy = _patch_means((prediction == truth).astype(np.float64), patch_shape, form)
    doubt = _patch_means(uncertainty.astype(np.float64), patch_shape, form)
    if form == "tiles":
        accurate, uncertain = accuracy > accuracy_threshold, doubt > uncertainty_threshold
    else:
        accurate, uncertain = accuracy >= accuracy_threshold, doubt >= uncertainty_threshold
    return PatchCounts(
        int(np.count_nonzero(accurate & ~uncertain)),
        int(np.count_nonzero(accurate & uncertain)),
        int(np.count_nonzero(~accurate & ~uncertain)),
        int(np.count_nonzero(~accurate & uncertain)),
    )


class PatchErrors:
    """Accurate and inaccurate patches by mean uncertainty, gathered piece by piece, as tiles.

    A patch is accurate if more than half of its judged voxels are right; its uncertainty is their
    mean. Patches without a judged voxel, and what doesn't fill a patch, are left out. Counts at a
    threshold (:func:`counts_at`) are as fine as an
    :class:`~napari_bayesseg.numerics.error_histogram.ErrorHistogram`.

    Parameters
    ----------
    patch_shape : (z, y, x)
        In voxels.
    accuracy_threshold : float
        Share of right voxels above which a patch is accurate.
    """

    def __init__(self, patch_shape: tuple[int, int, int], accuracy_threshold: float = 0.5) -> None:
        self.patch_shape = patch_shape
        self._accuracy_threshold = accuracy_threshold
        self._patches = ErrorHistogram()

    def update(
        self,
        uncertainty: NDArray[np.floating[Any]],
        wrong: NDArray[np.bool_],
        judged: NDArray[np.bool_],
    ) -> None:
        """Count the patches of a slab.

        Parameters
        ----------
        uncertainty : (z, Y, X) float
            Beginning at a multiple of the patch's depth.
        wrong : (z, Y, X) bool
            Whether the predicted label differs from the truth.
        judged : (z, Y, X) bool
            Voxels that count; those with a NaN don't either.
        """
        known = judged & ~np.isnan(uncertainty)
        voxels = _tile_sums(known.astype(np.float64), self.patch_shape)
        doubt = _tile_sums(np.where(known, uncertainty, 0.0).astype(np.float64), self.patch_shape)
        errors = _tile_sums((wrong & known).astype(np.float64), self.patch_shape)
        there = voxels > 0
        right = 1.0 - errors[there] / voxels[there]
        self._patches.update(doubt[there] / voxels[there], right <= self._accuracy_threshold)

    def merge(self, other: PatchErrors) -> None:
        """Add what another one has counted in patches of the same shape."""
        self._patches.merge(other._patches)

    @property
    def mean(self) -> float:
        """Mean uncertainty of the patches so far; NaN without any."""
        return self._patches.mean

    def compute(self) -> RankedErrors:
        """Return the patches so far by uncertainty; inaccurate ones count as wrong."""
        return self._patches.compute()


def counts_at(patches: RankedErrors, threshold: float) -> PatchCounts:
    """Return the patches on either side of a threshold; uncertain are those above it."""
    certain = int(np.searchsorted(patches.values, threshold, side="right"))
    return PatchCounts(
        int(patches.right[:certain].sum()),
        int(patches.right[certain:].sum()),
        int(patches.wrong[:certain].sum()),
        int(patches.wrong[certain:].sum()),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _patch_means(values: Doubles, patch_shape: Sequence[int], form: PatchForm) -> Doubles:
    if len(patch_shape) != values.ndim or not all(
        1 <= length <= size for length, size in zip(patch_shape, values.shape, strict=True)
    ):
        raise SettingsError(
            f"patch_shape must have a length for each axis that fits into {values.shape}; "
            f"got {tuple(patch_shape)}"
        )
    if form == "tiles":
        sums = _tile_sums(values, patch_shape)
        return sums / float(np.prod(patch_shape))
    windows = sliding_window_view(values, tuple(patch_shape))
    axes = tuple(range(values.ndim, 2 * values.ndim))
    return np.asarray(windows.mean(axis=axes)).reshape(-1)[:-1]


def _tile_sums(values: Doubles, patch_shape: Sequence[int]) -> Doubles:
    """Return the sum over each whole tile."""
    sums = values
    for axis, length in enumerate(patch_shape):
        count = sums.shape[axis] // length
        whole = sums[(slice(None),) * axis + (slice(count * length),)]
        split = (*whole.shape[:axis], count, length, *whole.shape[axis + 1 :])
        sums = whole.reshape(split).sum(axis=axis + 1)
    return sums
