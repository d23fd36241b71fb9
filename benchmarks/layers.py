"""Where the time of one draw goes, layer by layer, in the compiled convolutions."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import prod
from typing import Any, NamedTuple

import numpy as np

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.planar import decoder, encoder
from napari_bayesseg.networks.vnet3d import VNetWindows
from napari_bayesseg.networks.window import needed_by_convolution
from napari_bayesseg.posteriors.planar import PlanarPosterior

__all__ = ["LayerTime", "layer_times"]

_REPEATS = 5
# What the two halves of PlanarVNet call, by the names under which their modules know them.
_WATCHED = [
    *((encoder, name) for name in ("convolve", "pool_maximum", "transform_rows")),
    *((decoder, name) for name in ("convolve", "upsample_convolve", "softmax_rows")),
]

Calls = list[tuple[str, float]]


class LayerTime(NamedTuple):
    """What a layer takes.

    Attributes
    ----------
    name : str
        ``encoder...`` runs once a block, everything else once a draw.
    seconds : float
        Median, with all processors at work.
    multiply_adds : float
        That its convolution needs; 0 where it is none.
    """

    name: str
    seconds: float
    multiply_adds: float


def layer_times(
    posterior: PlanarPosterior, core: Roi, shape: Index3, repeats: int = _REPEATS
) -> list[LayerTime]:
    """Run the encoder and draws for an output box as a run does, and time each layer.

    A draw takes one thread, and as many run at a time as there are threads: the time of a layer
    is divided by that number.

    Parameters
    ----------
    posterior : PlanarPosterior
    core : Roi
        Output box, inside a scan of `shape`.
    shape : (Z, Y, X)
    repeats : int
        Runs, of which the medians are taken.

    Returns
    -------
    list of LayerTime
        In the order in which they run.
    """
    voxels = np.random.default_rng(0)
    num_threads = posterior.parallel_draws
    draw = posterior.draw(0, seed=0)

    def read(roi: Roi) -> np.ndarray[Any, np.dtype[np.float32]]:
        return voxels.standard_normal(roi.shape, dtype=np.float32)

    encoded, decoded = [], []
    with ThreadPoolExecutor(num_threads) as pool:
        for _ in range(repeats + 1):
            with _watched() as calls:
                features = posterior.prepare(core, shape, read)
            encoded += calls.values()
            with _watched() as calls:
                list(pool.map(draw.probabilities, [features] * num_threads))
            decoded.append([call for found in calls.values() for call in found])
    windows = posterior.windows(core, shape)
    once = _encoder_layers(posterior, windows)
    each = _decoder_layers(posterior, windows)
    found = _medians(once, encoded[1:], 1)
    return [*found, *_medians(each, decoded[1:], num_threads)]


@contextmanager
def _watched() -> Iterator[dict[int, Calls]]:
    """Note what every thread calls, and how long it takes."""
    calls: dict[int, Calls] = {}
    originals = [getattr(module, name) for module, name in _WATCHED]

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            result = function(*args, **kwargs)
            spent = time.perf_counter() - started
            calls.setdefault(threading.get_ident(), []).append((name, spent))
            return result

        return call

    for (module, name), function in zip(_WATCHED, originals, strict=True):
        setattr(module, name, timed(name, function))
    try:
        yield calls
    finally:
        for (module, name), function in zip(_WATCHED, originals, strict=True):
            setattr(module, name, function)


def _medians(
    layers: list[tuple[str, str, float]], runs: list[Calls], together: int
) -> list[LayerTime]:
    """Give the calls their layers' names; a run may hold the same layers several times."""
    times: list[list[float]] = [[] for _ in layers]
    for calls in runs:
        for position, (function, seconds) in enumerate(calls):
            place = position % len(layers)
            if function != layers[place][1]:
                raise RuntimeError(f"expected {layers[place][1]}, but {function} was called")
            times[place].append(seconds)
    return [
        LayerTime(name, statistics.median(found) / together, multiply_adds)
        for (name, _, multiply_adds), found in zip(layers, times, strict=True)
    ]


def _encoder_layers(
    posterior: PlanarPosterior, windows: VNetWindows
) -> list[tuple[str, str, float]]:
    """Return name, function and multiply-adds of all that runs once a block, in its order."""
    spec = posterior.network.spec
    kernel, inputs = prod(spec.kernel_size), spec.in_channels
    layers: list[tuple[str, str, float]] = []
    for level, (channels, need) in enumerate(zip(spec.channels, windows.encoder, strict=True)):
        first = needed_by_convolution(need, spec.kernel_size).roi.size
        if level:
            layers.append((f"encoder.{level}.pooling", "pool_maximum", 0.0))
        layers += [
            (f"encoder.{level}.first", "convolve", 1.0 * kernel * inputs * channels * first),
            (f"encoder.{level}.second", "convolve", 1.0 * kernel * channels**2 * need.roi.size),
            (f"encoder.{level}.copy", "transform_rows", 0.0),
        ]
        inputs = channels
    if posterior.planar.weights.fixed is not None:
        for level, need in enumerate(windows.decoder):
            voxels = needed_by_convolution(need, spec.kernel_size).roi.size
            work = 1.0 * kernel * spec.channels[level] ** 2 * voxels
            layers.append((f"encoder.skip.{level}", "convolve", work))
    return layers


def _decoder_layers(
    posterior: PlanarPosterior, windows: VNetWindows
) -> list[tuple[str, str, float]]:
    """Return name, function and multiply-adds of all that runs once a draw, in its order."""
    spec = posterior.network.spec
    kernel = prod(spec.kernel_size)
    joined = 1 if posterior.planar.weights.fixed is not None else 2
    layers: list[tuple[str, str, float]] = []
    for level in reversed(range(len(windows.decoder))):
        channels, below = spec.channels[level], spec.channels[level + 1]
        need, skip = windows.decoder[level], windows.skip[level].roi.size
        middle = needed_by_convolution(need, spec.kernel_size).roi.size
        met = prod(_coarse_voxels_met(factor) for factor in spec.pooling)
        layers += [
            (f"decoder.{level}.up", "upsample_convolve", met * below * channels * skip),
            (f"decoder.{level}.first", "convolve", 1.0 * kernel * joined * channels**2 * middle),
            (f"decoder.{level}.second", "convolve", 1.0 * kernel * channels**2 * need.roi.size),
        ]
    finest, core = spec.channels[0], windows.output.roi.size
    width = 1 if spec.head == "reference" else finest
    return [
        *layers,
        ("head", "convolve", 1.0 * kernel * finest * width * core),
        ("classifier", "convolve", 1.0 * width * spec.num_classes * core),
        ("softmax", "softmax_rows", 0.0),
    ]


def _coarse_voxels_met(factor: int) -> float:
    """Return how many coarse voxels a kernel of `factor` elements meets on an axis, on average.

    Elements that meet the same voxel are summed beforehand, which saves multiplications.
    """
    low = (factor - 1) // 2
    met = [len({(phase + k - low) // factor for k in range(factor)}) for phase in range(factor)]
    return sum(met) / factor
