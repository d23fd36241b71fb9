"""Time, memory and disk of a run, said before it starts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.inference.draw_pool import DrawPool, KeyedDraws
from napari_bayesseg.inference.plan import BASE_BYTES, Block, block_bytes, evaluated_box
from napari_bayesseg.inference.progress import duration
from napari_bayesseg.io.store_layout import StoreLayout
from napari_bayesseg.posteriors.protocol import Posterior

__all__ = ["RunEstimate", "estimate_run"]


@dataclass(frozen=True)
class RunEstimate:
    """What a run will need.

    Attributes
    ----------
    seconds : float
        Of computing; 0 where nothing is computed.
    memory_bytes : int
        Peak of the process, with what the libraries take.
    disk_bytes : int
        Uncompressed size of the arrays that are still to be written.
    """

    seconds: float
    memory_bytes: int
    disk_bytes: int

    def __str__(self) -> str:
        return (
            f"about {duration(self.seconds)}, {_size(self.memory_bytes)} of memory, "
            f"at most {_size(self.disk_bytes)} of disk"
        )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{math.ceil(count / 1e6)} MB"


def _operations_per_second(posterior: Posterior, shape: Index3) -> float:
    """Time draws of a small block on this machine; the best of three counts."""
    side = [min(n, max(s, 32)) for n, s in zip(shape, posterior.stride, strict=True)]
    core = Roi((0, 0, 0), (side[0], side[1], side[2]))
    operations = posterior.cost(core, shape).draw_operations
    if operations == 0:
        return float("inf")
    features = posterior.prepare(core, shape, lambda roi: np.zeros(roi.shape, np.float32))
    together = posterior.parallel_draws
    draws = KeyedDraws(posterior, together, seed=0)
    out = np.empty((together, posterior.num_classes, core.size), np.float32)
    seconds = []
    with DrawPool(together) as pool:
        for _ in range(3):
            started = perf_counter()
            pool.run(draws, features, out, lambda _: None)
            seconds.append(perf_counter() - started)
    return together * operations / min(seconds)


def estimate_run(
    posterior: Posterior,
    blocks: Sequence[Block],
    layout: StoreLayout,
    settings: InferenceSettings,
) -> RunEstimate:
    """Estimate what the blocks will need; runs one small block to time this machine."""
    shape, samples, workers = layout.shape, settings.num_samples, settings.workers or 1
    operations, largest = 0.0, 0
    for block in blocks:
        cost = posterior.cost(evaluated_box(block.core, Roi.whole(shape)), shape)
        operations += cost.fixed_operations + samples * cost.draw_operations
        need = block_bytes(posterior, block.core, shape, samples, len(layout.measures))
        largest = max(largest, need)
    # Workers share the memory and this machine's processors, which one run keeps busy as well.
    memory = min(workers * (BASE_BYTES + largest), max(settings.memory, workers * BASE_BYTES))
    seconds = operations / _operations_per_second(posterior, shape) if blocks else 0.0
    voxels = sum(block.core.size for block in blocks)
    return RunEstimate(seconds, memory, voxels * layout.bytes_per_voxel)
