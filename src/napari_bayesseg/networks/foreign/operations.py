"""Operations that look at a known neighbourhood, computed for any box of their output.

The reference is one pass over the whole padded volume. An operation is asked for a box of its
output; it says which box of its inputs it needs, cut at the volume's border, and pads with its own
padding only where that border is. So a box has the same numbers as in the whole volume.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from torch import Tensor

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.foreign.dropout import DrawKey, SampledDropout
from napari_bayesseg.networks.window import Patch, Window

__all__ = ["Operation", "Pointwise", "Sampling", "Scale", "cut_to", "index3"]

Scale = tuple[Fraction, Fraction, Fraction]
"""Voxels of the scan that one voxel of a level covers, along z, y and x."""


def index3(values: list[int]) -> Index3:
    """Return three numbers as a tuple."""
    z, y, x = values
    return z, y, x


def cut_to(box: Roi, extent: Index3) -> Roi:
    """Cut a box at the volume's border; what lies beyond it entirely keeps the border voxel."""
    start = [min(max(a, 0), n - 1) for a, n in zip(box.start, extent, strict=True)]
    stop = [max(min(b, n), a + 1) for b, n, a in zip(box.stop, extent, start, strict=True)]
    return Roi(index3(start), index3(stop))


class Operation(ABC):
    """A step of a network. What is not overridden is right for a step that acts on each voxel."""

    def channels(self, inputs: tuple[int, ...]) -> int:
        """Channels of the output."""
        return inputs[0]

    def scale(self, scale: Scale) -> Scale:
        """Return the scale of the output, from that of the inputs."""
        return scale

    def extent(self, extent: Index3) -> Index3:
        """Shape of the whole output, from that of the inputs."""
        return extent

    def reach(self, box: Roi) -> Roi:
        """Return the box of the inputs from which `box` is computed; may leave the volume."""
        return box

    @abstractmethod
    def apply(self, inputs: tuple[Patch, ...], need: Window, key: DrawKey | None) -> Tensor:
        """Compute the voxels of `need`; the inputs hold what :meth:`reach` says, or more."""

    def multiply_adds(self, channels: tuple[int, ...], voxels: int) -> float:
        """Operations for an output of so many voxels."""
        return 0.0


@dataclass(frozen=True)
class Pointwise(Operation):
    """A function of the voxel alone: activation, fixed normalisation, sum, concatenation.

    Attributes
    ----------
    function : callable
        From tensors to a tensor of the same box.
    width : callable
        From the channels of the inputs to those of the output.
    """

    function: Callable[..., Tensor]
    width: Callable[[tuple[int, ...]], int] = lambda inputs: inputs[0]

    def channels(self, inputs: tuple[int, ...]) -> int:
        """Return the channels of the output."""
        return self.width(inputs)

    def apply(self, inputs: tuple[Patch, ...], need: Window, key: DrawKey | None) -> Tensor:
        """Compute the voxels of `need`."""
        return self.function(*(patch.cropped(need).data for patch in inputs))


@dataclass(frozen=True)
class Sampling(Operation):
    """Dropout at its place in the network.

    Attributes
    ----------
    layer : SampledDropout
    name : str
        Of this use of the layer.
    """

    layer: SampledDropout
    name: str

    def apply(self, inputs: tuple[Patch, ...], need: Window, key: DrawKey | None) -> Tensor:
        """Compute the voxels of `need`."""
        data = inputs[0].cropped(need).data
        if key is None:
            return data
        start = [a + b for a, b in zip(need.roi.start, key.origin, strict=True)]
        return self.layer.sample(data, index3(start), key, self.name)
