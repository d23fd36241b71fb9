"""Stride and receptive field of a network whose steps are not known, found by trying.

Both are looked for on a copy in which nothing hides: weights are positive, so that no two paths
cancel; normalisations and activations are gone and maxima are means, so that the copy is linear
and a gradient above zero means "reaches". One axis is looked at at a time, on a volume that is
long along it and as thin as the network takes along the others.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from napari_bayesseg.core.errors import CheckpointError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.networks.foreign.dropout import SampledDropout
from napari_bayesseg.networks.foreign.modules import ACTIVATIONS, triple
from napari_bayesseg.networks.foreign.operations import index3

__all__ = ["Probe"]

_SMOOTH = (1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 27, 32, 36, 48, 54, 64, 72, 81, 96)
_LONGEST = 3072
_HIDING = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.Softmax, SampledDropout, *ACTIVATIONS)


def _transparent(network: nn.Module) -> nn.Module:
    """Return the copy in which nothing hides, in float64."""
    network = copy.deepcopy(network).to("cpu", torch.float64)
    generator = torch.Generator().manual_seed(0)
    for module in list(network.modules()):
        for name, child in module._modules.items():
            if isinstance(child, _HIDING):
                setattr(module, name, nn.Identity())
            elif isinstance(child, nn.MaxPool3d):
                setattr(module, name, _mean_instead(child))
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                # A mean over what comes in: values keep their size through any depth.
                random = torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
                parameter.copy_((0.5 + random) / parameter[0].numel())
            else:
                parameter.zero_()
    return network.eval()


def _mean_instead(layer: nn.MaxPool3d) -> nn.AvgPool3d:
    # The mean has no dilation: it covers the gaps too.
    sizes = zip(triple(layer.kernel_size), triple(layer.dilation), strict=True)
    spans = index3([d * (k - 1) + 1 for k, d in sizes])
    return nn.AvgPool3d(spans, triple(layer.stride), triple(layer.padding), layer.ceil_mode)


class Probe:
    """Tries a network on thin volumes.

    Parameters
    ----------
    network : nn.Module
        From ``(1, in_channels, Z, Y, X)`` to as many voxels.
    in_channels : int

    Raises
    ------
    CheckpointError
        If no stride up to 96 is found.
    """

    def __init__(self, network: nn.Module, in_channels: int) -> None:
        self._in_channels = in_channels
        with torch.inference_mode(False):
            self._network = _transparent(network)
            self._thin = self._smallest_size()
            self.stride: Index3 = index3([self._stride(axis) for axis in range(3)])

    def _smallest_size(self) -> int:
        """Return the smallest cube that the network takes, twice and thrice as large too."""
        for size in _SMOOTH:
            if all(self._takes((n * size,) * 3) for n in (1, 2, 3)):
                return size
        raise CheckpointError(
            f"the network takes no cube with a side up to {_SMOOTH[-1]} and gives it back as large"
        )

    @torch.no_grad()
    def _takes(self, shape: Index3) -> bool:
        try:
            out = self._network(torch.zeros(1, self._in_channels, *shape, dtype=torch.float64))
        except (RuntimeError, ValueError, AssertionError):
            return False
        return isinstance(out, Tensor) and tuple(out.shape[2:]) == shape

    def _volume(self, axis: int, length: int) -> Tensor:
        shape = [self._thin] * 3
        shape[axis] = length
        generator = torch.Generator().manual_seed(axis)
        size = (1, self._in_channels, *shape)
        return torch.rand(size, generator=generator, dtype=torch.float64)

    def _stride(self, axis: int) -> int:
        """Return the smallest shift of the input that shifts the output alike."""
        length = math.lcm(576, self._thin)  # twice the largest shift fits in the upper half
        while length <= _LONGEST:
            volume = self._volume(axis, length + _SMOOTH[-1])
            with torch.no_grad():
                first = self._network(volume.narrow(2 + axis, 0, length))
                for shift in _SMOOTH:
                    moved = self._network(volume.narrow(2 + axis, shift, length))
                    low = length // 2 - shift
                    here = first.narrow(2 + axis, low + shift, 2 * shift)
                    there = moved.narrow(2 + axis, low, 2 * shift)
                    if torch.allclose(here, there, rtol=1e-9, atol=0.0):
                        return shift
            length *= 2
        raise CheckpointError(
            f"the network moves with no shift of the scan up to {_SMOOTH[-1]} voxels: it looks at "
            "the whole of what it is given and can't be computed in parts"
        )

    def receptive_field(self) -> tuple[Index3, Index3]:
        """Return how many voxels below and above an output voxel reach it, at most, per axis."""
        with torch.inference_mode(False), torch.enable_grad():
            reached = [self._reached(axis) for axis in range(3)]
        return index3([low for low, _ in reached]), index3([high for _, high in reached])

    def _reached(self, axis: int) -> tuple[int, int]:
        length = math.lcm(64, self._thin, self.stride[axis])
        while True:
            found = self._fields(axis, length)
            if found is not None or length > _LONGEST:
                return found or (length, length)
            length *= 2

    def _fields(self, axis: int, length: int) -> tuple[int, int] | None:
        """Return the largest reach over all phases; None where the volume is too short."""
        volume = self._volume(axis, length).requires_grad_()
        out = self._network(volume).transpose(2, 2 + axis).flatten(3).sum((0, 1, 3))
        low = high = 0
        step = self.stride[axis]
        first = length // 2 // step * step
        for at in range(first, first + step):
            (gradient,) = torch.autograd.grad(out[at], volume, retain_graph=True)
            touched = gradient.transpose(2, 2 + axis).flatten(3).sum((0, 1, 3)).nonzero()
            start, stop = int(touched[0]), int(touched[-1])
            if start < step or stop >= length - step:
                return None
            low, high = max(low, at - start), max(high, stop - at)
        return low, high
