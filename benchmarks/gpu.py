"""How fast a graphics card makes draws, beside the time that its convolutions allow.

``python -m benchmarks.gpu`` prints the table. What is timed is the kernel as a run calls it: the
scan in the processor's memory goes in, and maps and counts come out there; nothing is stored.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from time import perf_counter
from typing import Literal

import numpy as np
import torch

from benchmarks.nets import Net, nets
from benchmarks.rows import Row, skipped
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.device_kernel import DeviceKernel
from napari_bayesseg.inference.scan import NormalisedScan, summarise_scan
from napari_bayesseg.networks.batched_convolution import GROUPED_VOXELS
from napari_bayesseg.networks.checkpoint import Normalisation, load_card, load_network
from napari_bayesseg.numerics.uncertainty import MEASURES
from napari_bayesseg.posteriors.device_resources import available_devices, exact_arithmetic
from napari_bayesseg.posteriors.network import NetworkPosterior

__all__ = ["SIDE", "bandwidth", "convolution_peak", "measure", "product_peak", "run"]

SIDE = 160
"""Voxels along an axis of the random volume, computed as one block."""

Precision = Literal["float32", "bfloat16"]
_PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
_NUM_SAMPLES = 16
_REPEATS, _QUICK_REPEATS = 7, 3
_TABLE = "GPU"
_DEFAULT = "as many draws at a time as fit"
# Most draws at a time, and up to which output they are one grouped convolution.
_WAYS: dict[str, tuple[int | None, int]] = {
    _DEFAULT: (None, GROUPED_VOXELS),
    "all in groups": (None, 2**62),
    "none in groups": (None, 0),
    "4 draws at a time": (4, GROUPED_VOXELS),
    "one draw at a time": (1, GROUPED_VOXELS),
}


def run(quick: bool) -> list[Row]:
    """Measure the first card that torch sees; one row that says so where there is none."""
    devices = available_devices()
    if not devices:
        return [skipped("torch sees no GPU")]
    return measure(devices[0], SIDE, _QUICK_REPEATS if quick else _REPEATS)


def measure(device: torch.device, side: int, repeats: int) -> list[Row]:
    """Return the peaks of a device, and times and shares of them for each network and precision.

    Parameters
    ----------
    device : torch.device
        The processor will do, for a small volume.
    side : int
        Voxels along an axis of the volume.
    repeats : int
        Of which the median is taken, after one that is not counted.
    """
    large = device.type == "cuda"
    rows = [
        _row("peaks", "copy, GB/s", bandwidth(device, repeats, 2**30 if large else 2**22) / 1e9)
    ]
    peaks = {}
    for precision in _PRECISIONS:
        product = product_peak(device, precision, repeats, 8192 if large else 256)
        peaks[precision] = convolution_peak(device, precision, repeats, 128 if large else 16)
        rows.append(_row(f"peaks, {precision}", "product, Tflop/s", product / 1e12))
        rows.append(_row(f"peaks, {precision}", "convolution, Tflop/s", peaks[precision] / 1e12))
    for net in nets():
        for precision in _PRECISIONS:
            rows += _volume(net, device, precision, side, repeats, peaks[precision])
    return rows


def _row(line: str, column: str, value: float) -> Row:
    return Row.of(_TABLE, line, column, value=value)


def _seconds(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Return the median time of finished work."""
    times = []
    for _ in range(repeats + 1):
        _wait(device)
        started = perf_counter()
        work()
        _wait(device)
        times.append(perf_counter() - started)
    return statistics.median(times[1:])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def bandwidth(device: torch.device, repeats: int, size: int) -> float:
    """Return bytes a second of a copy within the device, those read and those written."""
    source = torch.randn(size // 4, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _seconds(lambda: target.copy_(source), device, repeats)


def product_peak(device: torch.device, precision: Precision, repeats: int, size: int) -> float:
    """Return operations a second of a square matrix product (a multiply-add counts as two)."""
    dtype = getattr(torch, precision)
    # Random numbers: zeros are faster.
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    with exact_arithmetic(), torch.inference_mode():
        return 2 * size**3 / _seconds(lambda: a @ b, device, repeats)


def convolution_peak(device: torch.device, precision: Precision, repeats: int, side: int) -> float:
    """Return operations a second of a 3^3 convolution of 64 to 64 channels."""
    dtype, channels = getattr(torch, precision), 64
    data = torch.randn(1, channels, side, side, side, device=device).to(dtype)
    kernel = torch.randn(channels, channels, 3, 3, 3, device=device).to(dtype)
    operations = 2 * 27 * channels**2 * side**3

    def convolve() -> object:
        return torch.nn.functional.conv3d(data, kernel, padding=1)

    with exact_arithmetic(), torch.inference_mode():
        return operations / _seconds(convolve, device, repeats)


def _volume(
    net: Net, device: torch.device, precision: Precision, side: int, repeats: int, peak: float
) -> list[Row]:
    shape: Index3 = (side, side, side)
    volume = Volume.from_array(np.random.default_rng(0).standard_normal(shape, dtype=np.float32))
    scan = NormalisedScan(volume, summarise_scan(volume, Normalisation()).statistics)
    posterior = NetworkPosterior(load_network(net.folder, load_card(net.folder)), device)
    settings = InferenceSettings(num_samples=_NUM_SAMPLES, precision=precision)
    whole = Roi.whole(shape)
    cost = posterior.cost(whole, shape)
    # Multiply-adds, two operations each.
    least = 2 * (cost.fixed_operations + _NUM_SAMPLES * cost.draw_operations) / peak
    line = f"{net.name}, {precision}"
    rows = [_row(line, "time at the convolutions' peak, s", least)]
    for way, (batch, grouped_voxels) in _WAYS.items():
        kernel = DeviceKernel(
            posterior,
            scan,
            shape,
            settings,
            tuple(MEASURES),
            batch_draws=batch,
            grouped_voxels=grouped_voxels,
        )
        done: list[int] = []

        def work(kernel: DeviceKernel = kernel, done: list[int] = done) -> object:
            done.clear()
            return kernel(whole, whole, done.append)

        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        seconds = _seconds(work, device, repeats)
        rows.append(_row(line, f"{way}, s", seconds))
        if way != _DEFAULT:
            continue
        rows.append(_row(line, "draws at a time", done[1]))
        rows.append(_row(line, "share of the convolutions' peak, %", 100 * least / seconds))
        rows.append(_row(line, "voxels of draws, 1e6/s", _NUM_SAMPLES * side**3 / seconds / 1e6))
        if device.type == "cuda":
            used = torch.cuda.max_memory_allocated(device) / 1e9
            rows.append(_row(line, "memory of the device, GB", used))
    return rows


def main() -> None:
    """Print the table."""
    for row in run(quick=False):
        print(f"{row.metric}: {row.value:.4g}" if isinstance(row.value, float) else row.value)


if __name__ == "__main__":
    main()
