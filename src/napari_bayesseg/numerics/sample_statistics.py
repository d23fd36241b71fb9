"""All statistics of a block of softmax draws in one fused pass.

Every voxel is computed by itself and every sum runs over the draws in their order, in double
precision; so the result is bit-identical for any chunk size and any number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics import draw_kernels
from napari_bayesseg.numerics.uncertainty import DEFAULT_PERCENTILES, MEASURES, get_measure

__all__ = ["BlockStatistics", "summarise_draws", "warm_up"]

Labels = NDArray[np.uint8] | NDArray[np.uint16]

# Two double accumulators per class and voxel should stay in the second-level cache.
_ACCUMULATORS_PER_CHUNK = 16_384
_CHUNK_LIMITS = (64, 1024)
_CHUNKS_PER_TASK = 32


@dataclass(frozen=True)
class BlockStatistics:
    """What a block of draws comes down to; n voxels, C classes.

    Attributes
    ----------
    mean_probability : (C, n) float32
        Mean softmax over the draws.
    labels : (n,) uint8, or uint16 beyond 256 classes
        Argmax of `mean_probability` as stored; ties go to the lowest class.
    measures : dict of (n,) float32
        One map per requested measure, in the order asked for.
    """

    mean_probability: NDArray[np.float32]
    labels: Labels
    measures: dict[str, NDArray[np.float32]]


def summarise_draws(
    probs: NDArray[np.floating[Any]],
    measures: Sequence[str],
    percentiles: tuple[float, float] = DEFAULT_PERCENTILES,
    num_threads: int = 1,
    *,
    chunk_voxels: int | None = None,
) -> BlockStatistics:
    """Reduce a buffer of softmax draws to mean, labels and uncertainty measures.

    Parameters
    ----------
    probs : (T, C, n) float32, sums to 1 over C
        Voxels contiguous in memory; any stride over T and C, so that a part of a larger buffer
        serves as it is. Anything else is converted by a copy. Where any value of a voxel is NaN,
        its means and measures are NaN and its label is 0.
    measures : sequence of str
        Plain names from :data:`~napari_bayesseg.numerics.uncertainty.MEASURES`.
    percentiles : (low, high)
        Of ``percentile_spread``, in percent.
    num_threads : int
        Threads to spread the chunks over; the result does not depend on it.
    chunk_voxels : int, optional
        Voxels worked on at a time; the result does not depend on it. By default what fits the
        processor's cache.

    Returns
    -------
    BlockStatistics
        Entropies in nats, accurate to float32 rounding. With one draw, the measures that need
        two are exactly 0.

    Raises
    ------
    SettingsError
        If a measure is unknown, or the shape, percentiles or number of threads make no sense.
    """
    names = tuple(dict.fromkeys(measures))
    for name in names:
        get_measure(name)
    _check_settings(probs, percentiles, num_threads, chunk_voxels)
    num_draws, num_classes, num_voxels = probs.shape
    flat, draw_stride, class_stride = _as_rows(probs)
    layout = np.array([num_draws, draw_stride, num_classes, class_stride], dtype=np.int64)
    rows = np.array([names.index(m) if m in names else -1 for m in MEASURES], dtype=np.int64)
    limits = np.array(percentiles, dtype=np.float64)
    mean = np.empty((num_classes, num_voxels), dtype=np.float32)
    # One type inside, so that one compiled kernel serves any number of classes.
    labels = np.empty(num_voxels, dtype=np.uint16)
    maps = np.empty((len(names), num_voxels), dtype=np.float32)
    smallest, largest = _CHUNK_LIMITS
    chunk = chunk_voxels or min(max(_ACCUMULATORS_PER_CHUNK // num_classes, smallest), largest)
    per_task = num_voxels if num_threads == 1 else chunk * _CHUNKS_PER_TASK

    def work(start: int) -> None:
        extent = np.array([start, min(start + per_task, num_voxels), chunk], dtype=np.int64)
        draw_kernels.summarise_range(flat, layout, extent, rows, limits, mean, labels, maps)

    if per_task >= num_voxels:
        work(0)
    else:
        with ThreadPoolExecutor(num_threads, thread_name_prefix="summarise-draws") as pool:
            # Consumed so that an exception in a thread surfaces here.
            list(pool.map(work, range(0, num_voxels, per_task)))
    narrow: Labels = labels.astype(np.uint8) if num_classes <= 256 else labels
    return BlockStatistics(mean, narrow, {name: maps[i] for i, name in enumerate(names)})


def warm_up() -> None:
    """Compile the kernel (seconds, once per machine), so that the first block does not wait."""
    probs = np.full((2, 2, 2), 0.5, dtype=np.float32)
    summarise_draws(probs, tuple(MEASURES))


def _check_settings(
    probs: NDArray[np.floating[Any]],
    percentiles: tuple[float, float],
    num_threads: int,
    chunk_voxels: int | None,
) -> None:
    if probs.ndim != 3 or probs.shape[0] < 1 or probs.shape[1] < 2:
        raise SettingsError(
            "probs must be (draws, classes, voxels) with one draw and two classes or more; "
            f"got shape {probs.shape}"
        )
    if probs.shape[1] > 65_536:
        raise SettingsError(f"at most 65536 classes fit a label; got {probs.shape[1]}")
    low, high = percentiles
    if not 0 <= low < high <= 100:
        raise SettingsError(f"percentiles must satisfy 0 <= low < high <= 100; got {percentiles}")
    if num_threads < 1:
        raise SettingsError(f"num_threads must be 1 or more; got {num_threads}")
    if chunk_voxels is not None and chunk_voxels < 1:
        raise SettingsError(f"chunk_voxels must be 1 or more; got {chunk_voxels}")


def _as_rows(probs: NDArray[np.floating[Any]]) -> tuple[NDArray[np.float32], int, int]:
    """View the buffer as one contiguous line, with the strides of draws and classes in items.

    A contiguous line lets the compiler know that neighbouring voxels are neighbours in memory,
    which a strided view hides from it.
    """
    values = np.asarray(probs, dtype=np.float32)
    num_draws, num_classes, num_voxels = values.shape
    strides = values.strides
    is_row_wise = (
        values.flags.aligned
        and (num_voxels <= 1 or strides[2] == values.itemsize)
        and all(stride >= 0 and stride % values.itemsize == 0 for stride in strides[:2])
    )
    if not is_row_wise:
        values = np.ascontiguousarray(values)
    draw_stride, class_stride = (stride // values.itemsize for stride in values.strides[:2])
    span = (num_draws - 1) * draw_stride + (num_classes - 1) * class_stride + num_voxels
    flat = as_strided(values, shape=(span,), strides=(values.itemsize,), writeable=False)
    return flat, draw_stride, class_stride
