"""Patches of a volume that know where they are, so that tiling is exact.

The reference is one pass over the whole volume, each convolution padding with zeros at the border
of the *padded* volume (its shape rounded up to a multiple of the network's stride). A tile gives
the same numbers if every layer computes just the voxels that are needed later, from real
neighbours inside the volume and from zeros beyond its border. So each tensor travels with a
:class:`Window`; :func:`convolve` crops to what the output needs and pads only at the border.
Nothing is computed from polluted neighbours and nothing beyond what is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from napari_bayesseg.core.geometry import Index3, Roi

__all__ = [
    "Patch",
    "Window",
    "convolve",
    "max_pool",
    "needed_by_convolution",
    "upsample",
    "with_border",
]


def _triple(values: list[int]) -> Index3:
    z, y, x = values
    return z, y, x


@dataclass(frozen=True)
class Window:
    """The voxels of one resolution level that a tensor holds.

    Attributes
    ----------
    roi : Roi
        Indices at this level, inside the padded volume.
    extent : (Z, Y, X)
        Shape of the whole padded volume at this level.
    """

    roi: Roi
    extent: Index3

    @classmethod
    def whole(cls, extent: Index3) -> Window:
        """Return the window of a whole padded volume."""
        return cls(Roi.whole(extent), extent)

    @property
    def shape(self) -> Index3:
        """Voxels along z, y and x."""
        return self.roi.shape

    def grown(self, low: Index3, high: Index3) -> Window:
        """Return the window with `low` and `high` more voxels at its sides, cut at the border."""
        start = [max(a - b, 0) for a, b in zip(self.roi.start, low, strict=True)]
        stop = [
            min(a + b, size) for a, b, size in zip(self.roi.stop, high, self.extent, strict=True)
        ]
        return Window(Roi(_triple(start), _triple(stop)), self.extent)

    def union(self, other: Window) -> Window:
        """Return the smallest window of the same level that holds both."""
        start = [min(a, b) for a, b in zip(self.roi.start, other.roi.start, strict=True)]
        stop = [max(a, b) for a, b in zip(self.roi.stop, other.roi.stop, strict=True)]
        return Window(Roi(_triple(start), _triple(stop)), self.extent)

    def coarser(self, factor: Index3) -> Window:
        """Return the window one level down whose upsampling covers this one."""
        start = [a // f for a, f in zip(self.roi.start, factor, strict=True)]
        stop = [-(-b // f) for b, f in zip(self.roi.stop, factor, strict=True)]
        extent = [size // f for size, f in zip(self.extent, factor, strict=True)]
        return Window(Roi(_triple(start), _triple(stop)), _triple(extent))

    def finer(self, factor: Index3) -> Window:
        """Return the window one level up that pooling turns into this one."""
        start = [a * f for a, f in zip(self.roi.start, factor, strict=True)]
        stop = [b * f for b, f in zip(self.roi.stop, factor, strict=True)]
        extent = [size * f for size, f in zip(self.extent, factor, strict=True)]
        return Window(Roi(_triple(start), _triple(stop)), _triple(extent))


@dataclass(frozen=True)
class Patch:
    """A tensor ``(N, C, Z, Y, X)`` and the window that it fills."""

    data: Tensor
    window: Window

    def cropped(self, window: Window) -> Patch:
        """Return the part inside `window`, as a view."""
        if window == self.window:
            return self
        slices = window.roi.relative_to(self.window.roi.start).slices
        return Patch(self.data[(slice(None), slice(None), *slices)], window)


def _same_padding(kernel: tuple[int, ...]) -> tuple[Index3, Index3]:
    # An even kernel has its centre on the low side: padding (0, 1) for a length of 2.
    low = [(length - 1) // 2 for length in kernel]
    high = [length // 2 for length in kernel]
    return _triple(low), _triple(high)


def needed_by_convolution(need: Window, kernel: Index3) -> Window:
    """Return the input voxels from which a convolution computes the output window `need`."""
    return need.grown(*_same_padding(kernel))


def with_border(patch: Patch, kernel: Index3, need: Window) -> tuple[Tensor, list[int]]:
    """Return what a kernel reaches from `need`, and the padding of zeros that is still missing.

    A convolution pads evenly by itself; what is left over is added here, by a copy.
    """
    low, high = _same_padding(kernel)
    source = need.grown(low, high)
    data = patch.cropped(source).data
    before = [p - (a - b) for p, a, b in zip(low, need.roi.start, source.roi.start, strict=True)]
    after = [p - (b - a) for p, a, b in zip(high, need.roi.stop, source.roi.stop, strict=True)]
    even = [min(a, b) for a, b in zip(before, after, strict=True)]
    uneven = [(a - e, b - e) for a, b, e in zip(before, after, even, strict=True)]
    if any(a or b for a, b in uneven):
        data = functional.pad(data, [n for pair in reversed(uneven) for n in pair])
    return data, even


def convolve(patch: Patch, weight: Tensor, bias: Tensor | None, need: Window) -> Patch:
    """Cross-correlate with zero padding at the volume's border, for the voxels of `need` only.

    Parameters
    ----------
    patch : Patch
        Input; must hold every voxel inside the volume that the kernel reaches from `need`.
    weight : (C_out, C_in, kz, ky, kx)
    bias : (C_out,) or None
    need : Window
        Output voxels wanted, at the level of `patch`.
    """
    kz, ky, kx = weight.shape[2:]
    data, even = with_border(patch, (kz, ky, kx), need)
    return Patch(functional.conv3d(data, weight, bias, padding=even), need)


def max_pool(patch: Patch, factor: Index3, need: Window) -> Patch:
    """Take the maximum over boxes of `factor` voxels, for the coarser voxels of `need`."""
    data = patch.cropped(need.finer(factor)).data
    return Patch(functional.max_pool3d(data, factor), need)


def upsample(patch: Patch, factor: Index3, need: Window) -> Patch:
    """Repeat each voxel `factor` times along each axis, for the finer voxels of `need`."""
    source = need.coarser(factor)
    data = functional.interpolate(
        patch.cropped(source).data, scale_factor=[float(f) for f in factor], mode="nearest"
    )
    return Patch(data, source.finer(factor)).cropped(need)
