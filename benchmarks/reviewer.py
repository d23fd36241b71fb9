"""A simulated reviewer: regions are decided in some order, the truth says what each was worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.review.regions.region_table import RegionTable

__all__ = ["Places", "WorthCurve", "inspect", "most_uncertain", "runner_up", "voxelwise_curve"]

Counts = NDArray[np.int64]
Order = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class WorthCurve:
    """What was looked at and what was put right, after 0, 1, 2, ... decisions.

    Attributes
    ----------
    looked : (n + 1,) float64
        Share of the volume's voxels that lie in the regions decided so far.
    removed : (n + 1,) float64
        Share of the volume's wrong voxels that are no longer wrong.
    """

    looked: NDArray[np.float64]
    removed: NDArray[np.float64]

    def at_share(self, looked: float) -> float:
        """Return the share removed once this share of the volume was looked at.

        A region that is looked at in part counts in proportion; after the last one the curve is
        level: what lies in no region is never looked at.
        """
        return float(np.interp(looked, self.looked, self.removed))

    def after(self, decisions: int) -> float:
        """Return the share removed after so many decisions, or after the last one."""
        return float(self.removed[min(decisions, self.removed.size - 1)])

    def decisions_for(self, removed: float) -> float:
        """Return how many decisions it takes to remove a share; infinity if it is never reached."""
        reached = np.flatnonzero(self.removed >= removed - 1e-12)
        return float(reached[0]) if reached.size else float("inf")


@dataclass(frozen=True, eq=False)
class Places:
    """What every region of a table holds: one entry a region, in the table's order.

    Attributes
    ----------
    voxels : (R,) int64
    expected_error, measure : (R,) float64
        Expected error volume; sum of the measure over the voxels.
    wrong : (R,) int64
        Voxels whose predicted label is not the truth.
    wrong_left : dict of str to (R,) int64
        The same after the best of accepting and what one key can put in place, by name of the key.
    volume_voxels, all_wrong : int
        Voxels, and wrong voxels, of the whole volume.
    """

    voxels: Counts
    expected_error: NDArray[np.float64]
    measure: NDArray[np.float64]
    wrong: Counts
    wrong_left: dict[str, Counts]
    volume_voxels: int
    all_wrong: int

    def by_expected_error(self) -> Order:
        """Return our order: the most expected error first."""
        return _falling(self.expected_error)

    def by_size(self) -> Order:
        """Return the order of falling size."""
        return _falling(self.voxels)

    def by_measure(self) -> Order:
        """Return the order of falling sums of the measure over the region."""
        return _falling(self.measure)

    def best(self) -> Order:
        """Return the order that no reviewer can know: the most wrong voxels first."""
        return _falling(self.wrong)

    def at_random(self, seed: int) -> Order:
        """Return an order that a seed gives."""
        return np.random.default_rng(seed).permutation(self.voxels.size)

    def review(self, order: Order, key: str | None = None) -> WorthCurve:
        """Decide the regions in an order.

        Parameters
        ----------
        order : (n,) int
            Indices of regions.
        key : str, optional
            Name in `wrong_left`: the reviewer accepts, or presses this key, whichever is better,
            and never paints. By default the region's voxels become the truth (keys and brush).
        """
        gains = self.wrong if key is None else self.wrong - self.wrong_left[key]
        return WorthCurve(
            _cumulative(self.voxels[order], self.volume_voxels),
            _cumulative(gains[order], self.all_wrong),
        )


def _falling(key: NDArray[Any]) -> Order:
    return np.argsort(-key, kind="stable")


def _cumulative(parts: Counts, whole: int) -> NDArray[np.float64]:
    total = np.concatenate([[0], np.cumsum(parts)])
    return total / whole if whole else np.zeros(total.size)


def runner_up(mean_probability: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """Return the class with the second largest mean probability of every voxel.

    Parameters
    ----------
    mean_probability : (C, Z, Y, X) float
    """
    return np.asarray(np.argsort(-mean_probability, axis=0, kind="stable")[1])


def inspect(
    table: RegionTable,
    labels: NDArray[np.integer[Any]],
    truth: NDArray[np.integer[Any]],
    keys: Mapping[str, Sequence[NDArray[np.integer[Any]]]] | None = None,
) -> Places:
    """Compare the regions of a table with the truth.

    Parameters
    ----------
    table : RegionTable
    labels, truth : (Z, Y, X) int
        Predicted and true class.
    keys : mapping of str to sequence of (Z, Y, X) int, optional
        What a key puts in the place of a region's labels; of several, the reviewer takes the best.
    """
    keys = keys or {}
    wrong = np.zeros(len(table.regions), np.int64)
    left = {name: np.zeros_like(wrong) for name in keys}
    for index, region in enumerate(table.regions):
        box = region.box.slices
        inside = np.asarray(table.region_labels[box]) == region.id
        true = truth[box][inside]
        wrong[index] = np.count_nonzero(labels[box][inside] != true)
        for name, choices in keys.items():
            counts = (np.count_nonzero(choice[box][inside] != true) for choice in choices)
            left[name][index] = min(wrong[index], *counts)
    voxels = np.array([region.voxel_count for region in table.regions], np.int64)
    means = np.array([region.mean for region in table.regions], np.float64)
    return Places(
        voxels=voxels,
        expected_error=np.array([r.expected_error_volume for r in table.regions], np.float64),
        measure=means * voxels,
        wrong=wrong,
        wrong_left=left,
        volume_voxels=truth.size,
        all_wrong=int(np.count_nonzero(labels != truth)),
    )


def voxelwise_curve(
    values: NDArray[np.floating[Any]], wrong: NDArray[np.bool_], shares: Sequence[float]
) -> NDArray[np.float64]:
    """Return the share of the wrong voxels among the most uncertain ones, for each share of them.

    Voxels of equal value are taken in no particular order: they count in proportion. NaN is below
    every number.

    Parameters
    ----------
    values : (...) float
        A measure of uncertainty.
    wrong : (...) bool
    shares : sequence of float
        Of the voxels, from 0 to 1.
    """
    flat = np.where(np.isnan(values), -np.inf, values).reshape(-1)
    levels, inverse = np.unique(-flat, return_inverse=True)
    sizes = np.bincount(inverse, minlength=levels.size)
    errors = np.bincount(inverse, weights=wrong.reshape(-1), minlength=levels.size)
    seen = np.concatenate([[0.0], np.cumsum(sizes)]) / flat.size
    found = np.concatenate([[0.0], np.cumsum(errors)]) / max(errors.sum(), 1.0)
    return np.interp(shares, seen, found)


def most_uncertain(
    values: NDArray[np.floating[Any]], wrong: NDArray[np.bool_], share: float
) -> float:
    """Return the share of the wrong voxels among the most uncertain `share` of all voxels."""
    return float(voxelwise_curve(values, wrong, [share])[0])
