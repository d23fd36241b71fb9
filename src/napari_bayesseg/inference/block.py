"""The kernel: one block of a scan in, its labels and uncertainty out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.inference.draw_pool import DrawPool
from napari_bayesseg.numerics.sample_statistics import summarise_draws
from napari_bayesseg.posteriors.protocol import Draw, Posterior, ScanReader

__all__ = ["BlockResult", "predict_block"]


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
    """

    labels: NDArray[Any]
    mean_probability: NDArray[np.float32]
    measures: dict[str, NDArray[np.float32]]


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
    """
    features = posterior.prepare(core, shape, read)
    buffer = np.empty((len(draws), posterior.num_classes, core.size), np.float32)
    (pool or DrawPool()).run(draws, features, buffer, between_draws)
    statistics = summarise_draws(buffer, measures, percentiles, num_threads=num_threads)
    return BlockResult(
        statistics.labels.reshape(core.shape),
        statistics.mean_probability.reshape(-1, *core.shape),
        {name: values.reshape(core.shape) for name, values in statistics.measures.items()},
    )
