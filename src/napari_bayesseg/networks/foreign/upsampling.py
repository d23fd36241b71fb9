"""Steps to a finer level: transposed convolution, nearest and trilinear interpolation."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.foreign.dropout import DrawKey
from napari_bayesseg.networks.foreign.operations import Operation, Scale, cut_to, index3
from napari_bayesseg.networks.window import Patch, Window

__all__ = ["TransposedConvolution", "Upsampling"]


@dataclass(frozen=True)
class TransposedConvolution(Operation):
    """``nn.ConvTranspose3d``: input voxel j adds to the outputs from j * stride - padding on."""

    layer: nn.ConvTranspose3d

    def _rows(self, *more: Index3) -> list[tuple[int, ...]]:
        layer = self.layer
        spans = [d * (k - 1) + 1 for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
        padding = [int(p) for p in layer.padding]
        return list(zip(layer.stride, padding, spans, *more, strict=True))

    def channels(self, inputs: tuple[int, ...]) -> int:
        """Return the channels of the output."""
        return self.layer.out_channels

    def multiply_adds(self, channels: tuple[int, ...], voxels: int) -> float:
        """Count every weight at every voxel."""
        weights = math.prod(self.layer.kernel_size) * self.layer.in_channels / self.layer.groups
        return weights * self.layer.out_channels * voxels / math.prod(self.layer.stride)

    def scale(self, scale: Scale) -> Scale:
        """Return the scale of the output."""
        z, y, x = (a / s for a, s in zip(scale, self.layer.stride, strict=True))
        return z, y, x

    def extent(self, extent: Index3) -> Index3:
        """Return the shape of the whole output."""
        extra = index3(list(self.layer.output_padding))
        rows = self._rows(extent, extra)
        return index3([(n - 1) * s - 2 * p + span + e for s, p, span, n, e in rows])

    def reach(self, box: Roi) -> Roi:
        """Return the box of the input that `box` is computed from."""
        start, stop = [], []
        for s, p, span, a, b in self._rows(box.start, box.stop):
            # The first input that touches output a, and not later than the one that starts there,
            # so that outputs no kernel reaches (stride beyond the kernel) are covered too.
            start.append(min(-((span - 1 - a - p) // s), (a + p) // s))
            stop.append((b - 1 + p) // s + 1)
        return Roi(index3(start), index3(stop))

    def apply(self, inputs: tuple[Patch, ...], need: Window, key: DrawKey | None) -> Tensor:
        """Compute the voxels of `need`."""
        layer, patch = self.layer, inputs[0]
        source = cut_to(self.reach(need.roi), patch.window.extent)
        rows = self._rows(source.start, source.stop, need.roi.start, need.roi.stop)
        first = [j * s - p for s, p, _, j, *_ in rows]
        last = [(j - 1) * s - p + span for s, p, span, _, j, *_ in rows]
        extra = [max(b - end, 0) for b, end in zip(need.roi.stop, last, strict=True)]
        out = functional.conv_transpose3d(
            patch.cropped(Window(source, patch.window.extent)).data,
            layer.weight,
            layer.bias,
            layer.stride,
            0,
            extra,
            layer.groups,
            layer.dilation,
        )
        box = need.roi.relative_to(index3(first))
        return out[(slice(None), slice(None), *box.slices)]


@dataclass(frozen=True)
class Upsampling(Operation):
    """Nearest or trilinear (corners not aligned) by whole factors."""

    factor: Index3
    linear: bool

    def scale(self, scale: Scale) -> Scale:
        """Return the scale of the output."""
        z, y, x = (a / f for a, f in zip(scale, self.factor, strict=True))
        return z, y, x

    def extent(self, extent: Index3) -> Index3:
        """Return the shape of the whole output."""
        return index3([n * f for n, f in zip(extent, self.factor, strict=True)])

    def reach(self, box: Roi) -> Roi:
        """Return the box of the input that `box` is computed from."""
        if not self.linear:
            return Roi(
                index3([a // f for a, f in zip(box.start, self.factor, strict=True)]),
                index3([(b - 1) // f + 1 for b, f in zip(box.stop, self.factor, strict=True)]),
            )
        # Output i lies at (i + 1/2) / f - 1/2, between the inputs below and above.
        low = [(2 * a + 1 - f) // (2 * f) for a, f in zip(box.start, self.factor, strict=True)]
        high = [(2 * b - 1 - f) // (2 * f) for b, f in zip(box.stop, self.factor, strict=True)]
        return Roi(index3(low), index3([n + 2 for n in high]))

    def apply(self, inputs: tuple[Patch, ...], need: Window, key: DrawKey | None) -> Tensor:
        """Compute the voxels of `need`."""
        patch = inputs[0]
        source = cut_to(self.reach(need.roi), patch.window.extent)
        data = patch.cropped(Window(source, patch.window.extent)).data
        out = functional.interpolate(
            data,
            scale_factor=[float(f) for f in self.factor],
            mode="trilinear" if self.linear else "nearest",
            align_corners=False if self.linear else None,
        )
        first = index3([a * f for a, f in zip(source.start, self.factor, strict=True)])
        box = need.roi.relative_to(first)
        return out[(slice(None), slice(None), *box.slices)]
