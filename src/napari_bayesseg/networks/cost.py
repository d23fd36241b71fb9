"""Memory and operations of a V-Net on one block, before it is run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from napari_bayesseg.networks.spec import VNetSpec
from napari_bayesseg.networks.vnet3d import VNetWindows
from napari_bayesseg.networks.window import Window, needed_by_convolution

__all__ = ["NetworkCost", "vnet_cost"]

# A heap that keeps what is freed, for draws side by side, has gaps: peaks of 1.6 to 2.1 times what
# is alive at a time were seen, the more the smaller the blocks.
_HEAP_FACTOR = 2.0


@dataclass(frozen=True)
class NetworkCost:
    """What one block needs.

    Attributes
    ----------
    fixed_bytes : int
        Largest sum of tensors alive at a time while the deterministic part runs.
    feature_bytes : int
        What that leaves for the draws.
    draw_bytes : int
        Largest sum of tensors alive at a time in one draw, without the features.
    fixed_operations, draw_operations : float
        Multiply-adds once a block and for each draw.
    heap_factor : float
        How much larger the heap gets than what is alive at a time.
    """

    fixed_bytes: int
    feature_bytes: int
    draw_bytes: int
    fixed_operations: float
    draw_operations: float
    heap_factor: float = _HEAP_FACTOR

    def peak_bytes(self, parallel_draws: int) -> int:
        """Return the largest memory at a time, without the buffer of draws."""
        return max(self.fixed_bytes, self.feature_bytes + parallel_draws * self.draw_bytes)


def _voxels(window: Window) -> int:
    return window.roi.size


def vnet_cost(spec: VNetSpec, windows: VNetWindows, item_bytes: int = 4) -> NetworkCost:
    """Add up the convolutions of a block and find its largest set of living tensors.

    A convolution holds its input, its output and, where the library reorders them into its own
    layout, a copy of both: hence the factor 2.
    """
    kernel, step = math.prod(spec.kernel_size), math.prod(spec.pooling)
    features = encoder = fixed = 0.0
    inputs = spec.in_channels
    levels = list(zip(spec.channels, windows.encoder, strict=True))
    for level, (channels, need) in enumerate(levels):
        first = needed_by_convolution(need, spec.kernel_size)
        source = needed_by_convolution(first, spec.kernel_size)
        fixed += kernel * channels * (inputs * _voxels(first) + channels * _voxels(need))
        alive = inputs * _voxels(source) + 3 * channels * _voxels(first)
        encoder = max(encoder, features + 2 * alive)
        features += channels * _voxels(windows.skip[level] if level < len(windows.skip) else need)
        inputs = channels
    decoder = draw = 0.0
    for level, (need, skip) in enumerate(zip(windows.decoder, windows.skip, strict=True)):
        channels, below = spec.channels[level], spec.channels[level + 1]
        middle = needed_by_convolution(need, spec.kernel_size)
        draw += step * below * channels * _voxels(skip)
        draw += kernel * channels * (2 * channels * _voxels(middle) + channels * _voxels(need))
        up = needed_by_convolution(skip, spec.pooling)
        alive = max(
            below * _voxels(up) + channels * _voxels(skip),
            4 * channels * _voxels(skip),
            2 * channels * _voxels(skip) + 2 * channels * _voxels(middle),
        )
        decoder = max(decoder, 2 * alive)
    finest, core = spec.channels[0], _voxels(windows.output)
    width = 1 if spec.head == "reference" else finest
    draw += (kernel * finest * width + width * spec.num_outputs) * core
    decoder = max(
        decoder, 2 * (finest + width + 2 * max(spec.num_outputs, spec.num_probabilities)) * core
    )
    return NetworkCost(
        fixed_bytes=int(item_bytes * encoder),
        feature_bytes=int(item_bytes * features),
        draw_bytes=int(item_bytes * decoder),
        fixed_operations=float(fixed),
        draw_operations=float(draw),
    )
