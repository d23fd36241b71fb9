"""The kernel: one block of a scan in, its labels, uncertainty and counts out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.inference.draw_pool import DrawPool
from napari_bayesseg.numerics.draw_counts import DrawCounts, count_draws
from napari_bayesseg.numerics.sample_statistics import summarise_draws
from napari_bayesseg.numerics.voxel_statistics import IntensityStatistics
from napari_bayesseg.posteriors.protocol import Draw, Posterior, ScanReader

__all__ = ["BlockKernel", "BlockResult", "ScanBoxes", "predict_block", "read_nothing"]


@dataclass(frozen=True)
class BlockResult:
    """What a block contributes to the result.

    Attributes
    ----------
    labels : (z, y, x) unsigned
        Class with the largest mean probability.
    mean_probability : (C, z, y, x) float32
    measures : dict of (z, y, x) float32
        By name; see ``numerics.uncertainty``.
    counts : DrawCounts
        Voxels and 2x2x2 neighbourhoods of each class in each draw.
    """

    labels: NDArray[Any]
    mean_probability: NDArray[np.float32]
    measures: dict[str, NDArray[np.float32]]
    counts: DrawCounts

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is stored of the voxels, by name."""
        return {
            "labels": self.labels,
            "mean_probability": self.mean_probability,
            **self.measures,
        }


class ScanBoxes(Protocol):
    """A normalised scan, read box by box."""

    @property
    def statistics(self) -> IntensityStatistics:
        """Grey values of the whole scan."""
        ...

    def read(self, roi: Roi) -> NDArray[np.float32]:
        """Return a box of the normalised, padded scan."""
        ...

    def valid(self, roi: Roi) -> NDArray[np.bool_]:
        """Return which voxels of a box inside the scan are finite."""
        ...


class BlockKernel(Protocol):
    """Computes blocks. Each run and each process has its own; threads don't share one."""

    def __call__(
        self, core: Roi, evaluated: Roi, between_draws: Callable[[int], None]
    ) -> BlockResult:
        """Compute a block.

        Parameters
        ----------
        core : Roi
            Voxels that the block owns.
        evaluated : Roi
            The core and one voxel more at the high side, where there is one: see
            :func:`~napari_bayesseg.inference.plan.evaluated_box`.
        between_draws : callable
            Called with the number of finished draws, and with 0 before the first; may raise to
            stop.
        """
        ...


def read_nothing(roi: Roi) -> NDArray[np.float32]:
    """Stand where a posterior reads no scan.

    Raises
    ------
    BayesSegError
        If it does.
    """
    raise BayesSegError("this posterior needs a scan")


def predict_block(
    posterior: Posterior,
    draws: Sequence[Draw],
    core: Roi,
    shape: Index3,
    read: ScanReader,
    *,
    measures: Sequence[str],
    percentiles: tuple[float, float],
    pool: DrawPool | None = None,
    num_threads: int = 1,
    between_draws: Callable[[int], None] = lambda _: None,
    evaluated: Roi | None = None,
    valid: NDArray[np.bool_] | None = None,
    buffer: NDArray[np.float32] | None = None,
) -> BlockResult:
    """Run the deterministic part once and the random part for each draw.

    Parameters
    ----------
    posterior, draws
        The draws must come from this posterior.
    core : Roi
        Output box inside the scan.
    shape : (Z, Y, X)
        Of the scan.
    read : callable
        Gives boxes of the normalised, padded scan.
    pool : DrawPool, optional
        Computes several draws at a time; by default one after the other.
    num_threads : int
        For the statistics.
    between_draws : callable
        Called with the number of finished draws; may raise to stop.
    evaluated : Roi, optional
        Box in which the draws are computed: see :class:`BlockKernel`. Default the core.
    valid : (z, y, x) bool, optional
        Which voxels of `evaluated` are numbers; the others get label 0 and NaN. Default all.
    buffer : (n,) float32, optional
        Memory for the draws, at least ``T * C * evaluated.size``.
    """
    box = evaluated or core
    features = posterior.prepare(box, shape, read)
    between_draws(0)
    rows = (len(draws), posterior.num_classes, box.size)
    held = np.empty(np.prod(rows), np.float32) if buffer is None else buffer[: np.prod(rows)]
    probs = held.reshape(rows)
    (pool or DrawPool()).run(draws, features, probs, between_draws)
    del features
    if valid is not None and not valid.all():
        probs[:, :, ~valid.ravel()] = np.nan
    statistics = summarise_draws(probs, measures, percentiles, num_threads=num_threads)
    counts = count_draws(probs.reshape(*rows[:2], *box.shape), core.shape, num_threads)
    inside = core.relative_to(box.start).slices

    def cropped(values: NDArray[Any]) -> NDArray[Any]:
        whole = values.reshape(*values.shape[:-1], *box.shape)
        return np.ascontiguousarray(whole[(..., *inside)])

    return BlockResult(
        cropped(statistics.labels),
        cropped(statistics.mean_probability),
        {name: cropped(values) for name, values in statistics.measures.items()},
        counts,
    )
