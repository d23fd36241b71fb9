"""What this machine can do at most, and which part of it every layer reaches."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch.nn import functional

from benchmarks.contestants import cubic_scan
from benchmarks.layers import LayerTime, layer_times
from benchmarks.nets import FULL, Net, nets
from benchmarks.predictions import NUM_SAMPLES
from benchmarks.rows import Row, at_least, skipped
from benchmarks.throughput import SIDE
from napari_bayesseg.core.allocator import keep_freed_memory
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.settings import InferenceSettings, Precision
from napari_bayesseg.inference.draw_pool import DrawPool, KeyedDraws
from napari_bayesseg.inference.plan import choose_block_shape
from napari_bayesseg.numerics.uncertainty import MEASURES
from napari_bayesseg.posteriors.network import NetworkPosterior
from napari_bayesseg.posteriors.open import open_model
from napari_bayesseg.posteriors.planar import PlanarPosterior

__all__ = ["convolution_peak", "copy_bandwidth", "draw_seconds", "matrix_peak", "run"]

_DTYPES: dict[Precision, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_PEAKS = "peak of this machine, best of 5"
_REPEATS = 7


def run(quick: bool) -> list[Row]:
    """Measure the peaks, then draws and layers of the shipped and the full-size network."""
    keep_freed_memory()
    rows, peaks = _peak_rows()
    shape = (SIDE,) * 3
    for net in nets():
        for precision in _DTYPES:
            rows += _net_rows(net, precision, shape, peaks[precision], 3 if quick else _REPEATS)
    return rows


def _peak_rows() -> tuple[list[Row], dict[Precision, float]]:
    rows, peaks = [], {}
    for precision, dtype in _DTYPES.items():
        peaks[precision] = convolution_peak(dtype)
        found = (
            ("matrix product, 2048 x 2048 (GFLOP/s)", matrix_peak(dtype)),
            ("convolution 3 x 3 x 3, 64 to 64 channels (GFLOP/s)", peaks[precision]),
        )
        rows += [Row.of(_PEAKS, name, precision, value=v / 1e9) for name, v in found]
    name = "copy in memory, read and written (GB/s)"
    return [*rows, Row.of(_PEAKS, name, "float32", value=copy_bandwidth() / 1e9)], peaks


def _best(work: Callable[[], object], repeats: int = 5) -> float:
    """Return the shortest time of a few, after a first run that isn't counted."""
    work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


@torch.inference_mode()
def matrix_peak(dtype: torch.dtype, side: int = 2048) -> float:
    """Return operations a second of a product of two square matrices; 2 a multiply-add."""
    a, b = (torch.randn(side, side).to(dtype) for _ in range(2))
    return 2.0 * side**3 / _best(lambda: a @ b)


@torch.inference_mode()
def convolution_peak(dtype: torch.dtype, channels: int = 64, side: int = 48) -> float:
    """Return operations a second of a large convolution, in the better of the two layouts."""
    image = torch.randn(1, channels, side, side, side).to(dtype)
    kernel = torch.randn(channels, channels, 3, 3, 3).to(dtype)
    operations = 2.0 * channels**2 * 27 * side**3
    best = 0.0
    for layout in (torch.contiguous_format, torch.channels_last_3d):
        x, w = (t.contiguous(memory_format=layout) for t in (image, kernel))
        seconds = _best(lambda x=x, w=w: functional.conv3d(x, w, padding=1))  # type: ignore[misc]
        best = max(best, operations / seconds)
    return best


def copy_bandwidth(num_bytes: int = 2**28) -> float:
    """Return bytes a second that a copy reads and writes."""
    source = torch.ones(num_bytes // 4)
    target = torch.empty_like(source)
    return 2.0 * num_bytes / _best(lambda: target.copy_(source))


def _opened(net: Net, precision: Precision, shape: Index3) -> tuple[NetworkPosterior, Roi]:
    """Open a model; return with it the block in the middle that a run would choose."""
    posterior = open_model(net.folder, torch.device("cpu"), precision)[0]
    settings = InferenceSettings.checked(num_samples=NUM_SAMPLES, precision=precision)
    block = choose_block_shape(
        posterior,
        shape,
        memory=settings.memory,
        num_samples=NUM_SAMPLES,
        num_measures=len(MEASURES),
    )
    # Blocks lie on a grid; the one around the middle has a halo on every side where one has.
    start = [(n - 1) // 2 // b * b for n, b in zip(shape, block, strict=True)]
    stop = [min(a + b, n) for a, b, n in zip(start, block, shape, strict=True)]
    return posterior, Roi((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


def draw_seconds(posterior: PlanarPosterior, core: Roi, shape: Index3, repeats: int) -> float:
    """Return the median time of a draw of a block, as in a run: several draws side by side."""
    together = posterior.parallel_draws
    num_samples = 2 * together
    draws = KeyedDraws(posterior, num_samples, 0)
    features = posterior.prepare(core, shape, cubic_scan(max(shape)).read)
    buffer = torch.empty(num_samples, posterior.num_classes, core.size).numpy()
    times = []
    with DrawPool(together) as pool:
        for _ in range(repeats + 1):
            started = time.perf_counter()
            pool.run(draws, features, buffer, lambda _: None)
            times.append((time.perf_counter() - started) / num_samples)
    return statistics.median(times[1:])


def _net_rows(
    net: Net, precision: Precision, shape: Index3, peak: float, repeats: int
) -> list[Row]:
    """Time draws as in a run, and their layers; operations are those that are done."""
    posterior, core = _opened(net, precision, shape)
    if not isinstance(posterior, PlanarPosterior):
        return [skipped(f"this processor has no convolutions in {precision}")]
    posterior.warm_up()
    seconds = draw_seconds(posterior, core, shape, repeats)
    layers = layer_times(posterior, core, shape, repeats)
    once, each = (
        [layer for layer in layers if layer.name.startswith("encoder") == is_once]
        for is_once in (True, False)
    )
    operations = 2.0 * sum(layer.multiply_adds for layer in each)
    table = f"a draw of a block, {precision}, as in a run"
    goal = at_least(60) if net.name == FULL and precision == "float32" else None
    found = (
        ("voxels of the block", float(core.size), None),
        ("time (ms)", 1e3 * seconds, None),
        ("time at the convolution's peak (ms)", 1e3 * operations / peak, None),
        ("GFLOP/s", operations / seconds / 1e9, None),
        ("share of the convolution's peak (%)", 100 * operations / seconds / peak, goal),
    )
    size = f"{net.name}, {precision}, block of {' x '.join(map(str, core.shape))}"
    return [
        *(Row.of(table, line, net.name, value=value, goal=goal) for line, value, goal in found),
        *_rows_of_layers(f"{size}: encoder, once a block", once, peak),
        *_rows_of_layers(f"{size}: decoder, once a draw", each, peak),
    ]


def _rows_of_layers(table: str, layers: Sequence[LayerTime], peak: float) -> list[Row]:
    total = sum(layer.seconds for layer in layers)
    rows = []
    for name, seconds, multiply_adds in layers:
        rate = 2.0 * multiply_adds / max(seconds, 1e-9)
        found: list[tuple[str, float | str]] = [
            ("time (ms)", 1e3 * seconds),
            ("share of the time (%)", 100 * seconds / total),
            ("GFLOP/s", rate / 1e9 if multiply_adds else ""),
            ("share of the peak (%)", 100 * rate / peak if multiply_adds else ""),
        ]
        rows += [Row.of(table, name, column, value=value) for column, value in found]
    return rows
