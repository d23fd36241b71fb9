"""Kernels that slide over their input: convolution and pooling."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.foreign.dropout import DrawKey
from napari_bayesseg.networks.foreign.operations import Operation, Scale, cut_to, index3
from napari_bayesseg.networks.window import Patch, Window

__all__ = ["Convolution", "Pooling", "Sliding"]


def _gather(patch: Patch, box: Roi) -> tuple[Tensor, list[tuple[int, int]]]:
    """Return the part of `box` inside the volume, and how far the box reaches beyond it."""
    inside = cut_to(box, patch.window.extent)
    data = patch.cropped(Window(inside, patch.window.extent)).data
    beyond = [
        (a - b, d - c)
        for a, b, c, d in zip(inside.start, box.start, inside.stop, box.stop, strict=True)
    ]
    return data, beyond


def _pad(data: Tensor, beyond: list[tuple[int, int]], value: float = 0.0) -> Tensor:
    """Put `value` where a box reaches beyond the volume."""
    if not any(a or b for a, b in beyond):
        return data
    return functional.pad(data, [n for pair in reversed(beyond) for n in pair], value=value)


@dataclass(frozen=True)
class Sliding(Operation):
    """A kernel that slides over the input: convolution or pooling.

    Attributes
    ----------
    kernel, stride, dilation : (z, y, x)
    low, high : (z, y, x)
        Padding at the volume's border.
    """

    kernel: Index3
    stride: Index3
    dilation: Index3
    low: Index3
    high: Index3

    @property
    def span(self) -> Index3:
        """Voxels from the kernel's first to its last."""
        return index3([d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True)])

    def scale(self, scale: Scale) -> Scale:
        """Return the scale of the output."""
        z, y, x = (a * s for a, s in zip(scale, self.stride, strict=True))
        return z, y, x

    def extent(self, extent: Index3) -> Index3:
        """Return the shape of the whole output."""
        rows = zip(extent, self.low, self.high, self.span, self.stride, strict=True)
        return index3([(n + a + b - span) // s + 1 for n, a, b, span, s in rows])

    def reach(self, box: Roi) -> Roi:
        """Return the box of the input that `box` is computed from."""
        rows = zip(box.start, box.stop, self.stride, self.low, self.span, strict=True)
        ends = [(a * s - p, (b - 1) * s - p + span) for a, b, s, p, span in rows]
        return Roi(index3([a for a, _ in ends]), index3([b for _, b in ends]))


@dataclass(frozen=True)
class Convolution(Sliding):
    """``nn.Conv3d`` with zero padding."""

    layer: nn.Conv3d

    @classmethod
    def of(cls, layer: nn.Conv3d) -> Convolution:
        """Take kernel, stride, dilation and padding from a layer."""
        kernel, dilation = index3(list(layer.kernel_size)), index3(list(layer.dilation))
        if layer.padding == "same":  # what is odd goes to the high side
            total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
            low, high = [t // 2 for t in total], [t - t // 2 for t in total]
        else:
            low = [0] * 3 if layer.padding == "valid" else [int(p) for p in layer.padding]
            high = low
        stride = index3(list(layer.stride))
        return cls(kernel, stride, dilation, index3(low), index3(high), layer)

    def channels(self, inputs: tuple[int, ...]) -> int:
        """Return the channels of the output."""
        return self.layer.out_channels

    def multiply_adds(self, channels: tuple[int, ...], voxels: int) -> float:
        """Count every weight at every voxel."""
        weights = math.prod(self.kernel) * self.layer.in_channels / self.layer.groups
        return weights * self.layer.out_channels * voxels

    def apply(self, inputs: tuple[Patch, ...], need: Window, key: DrawKey | None) -> Tensor:
        """Compute the voxels of `need`."""
        layer = self.layer
        data, beyond = _gather(inputs[0], self.reach(need.roi))
        # The convolution pads evenly by itself; only what is left over needs a copy.
        even = [min(pair) for pair in beyond]
        data = _pad(data, [(a - e, b - e) for (a, b), e in zip(beyond, even, strict=True)])
        options = (list(self.stride), list(self.dilation), layer.groups)
        if data.device.type == "cpu" and data.dtype != torch.float64 and torch.is_inference(data):
            # The dispatcher sends small single-example convolutions to a slow path.
            return torch.mkldnn_convolution(data, layer.weight, layer.bias, even, *options)
        return functional.conv3d(data, layer.weight, layer.bias, options[0], even, *options[1:])


@dataclass(frozen=True)
class Pooling(Sliding):
    """Maximum or mean over boxes; `empty` is what padding counts as."""

    function: Callable[..., Tensor]
    empty: float

    def apply(self, inputs: tuple[Patch, ...], need: Window, key: DrawKey | None) -> Tensor:
        """Compute the voxels of `need`."""
        data = _pad(*_gather(inputs[0], self.reach(need.roi)), value=self.empty)
        if data.dtype == torch.bfloat16:  # not every device pools in it
            return self.function(data.float()).to(data.dtype)
        return self.function(data)
