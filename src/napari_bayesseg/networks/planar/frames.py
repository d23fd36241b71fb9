"""Which boxes the tensors of a V-Net fill on flat planes, and what its two halves hand over."""

from __future__ import annotations

from dataclasses import dataclass

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.planar.tensors import Grid, Words
from napari_bayesseg.networks.vnet3d import VNetWindows
from napari_bayesseg.networks.window import needed_by_convolution
from napari_bayesseg.numerics.planar.tile import CHANNELS

__all__ = [
    "PlanarFeatures",
    "consumed_frame",
    "decoder_frames",
    "encoder_frames",
    "halves",
    "rounded_up",
    "stored_words",
]

_MARGIN: Index3 = (1, 1, 1)


@dataclass(frozen=True)
class PlanarFeatures:
    """What all draws of a block share.

    Attributes
    ----------
    windows : VNetWindows
    grids : tuple of Grid
        Of the decoder's levels, finest first, and of the bottleneck.
    skips : tuple of Words
        Encoder tensors, normalised for the concatenation; bottleneck last.
    partials : tuple of Words or None
        Sums of the merging convolutions over the skip connection; None where they differ by draw.
    """

    windows: VNetWindows
    grids: tuple[Grid, ...]
    skips: tuple[Words, ...]
    partials: tuple[Words | None, ...]


def rounded_up(channels: int) -> int:
    """Return the channels that a convolution writes: whole tiles of them."""
    return -(-channels // CHANNELS) * CHANNELS


def stored_words(channels: int, *, paired: bool) -> int:
    """Return the words a voxel of a decoder tensor takes."""
    return rounded_up(channels) // (2 if paired else 1)


def halves(kernel: Index3) -> Index3:
    """Return how far an odd kernel reaches from its centre."""
    z, y, x = (length // 2 for length in kernel)
    return z, y, x


def encoder_frames(windows: VNetWindows, kernel: Index3) -> list[Roi]:
    """Return the frame of each encoder level, finest first."""
    return [
        needed_by_convolution(need, kernel).roi.grown(halves(kernel)) for need in windows.encoder
    ]


def decoder_frames(windows: VNetWindows, kernel: Index3) -> list[Roi]:
    """Return the frame of each decoder level, finest first, and of the bottleneck."""
    reach = halves(kernel)
    frames = []
    for level, need in enumerate(windows.decoder):
        middle = needed_by_convolution(need, kernel).roi.grown(reach)
        frames.append(middle.union(consumed_frame(windows, level, kernel)))
    return [*frames, windows.encoder[-1].roi.grown(_MARGIN)]


def consumed_frame(windows: VNetWindows, level: int, kernel: Index3) -> Roi:
    """Return what the layer after a decoder stage reads."""
    if level == 0:
        return windows.output.roi.grown(halves(kernel))
    return windows.decoder[level].roi.grown(_MARGIN)
