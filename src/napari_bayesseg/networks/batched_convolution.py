"""Convolutions of several posterior draws at a time, each with its own kernel or mask."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from napari_bayesseg.networks.window import Patch, Window, with_border

__all__ = ["GROUPED_VOXELS", "convolve_draws", "rectify_and_scale"]

GROUPED_VOXELS = 2**18
"""Outputs of a draw up to here are convolved in groups, by default; larger ones one by one.

A group of few channels leaves most of a card's multipliers idle, while one draw of a large output
fills the card by itself. The value is an estimate; ``benchmarks/gpu.py`` times both ways.
"""


def convolve_draws(
    patch: Patch, kernels: Tensor, need: Window, grouped_voxels: int = GROUPED_VOXELS
) -> Patch:
    """Cross-correlate B draws with zero padding at the volume's border, without a bias.

    Parameters
    ----------
    patch : Patch
        ``(B, C_in, z, y, x)``, or ``(1, C_in, z, y, x)`` where the draws still share their input.
    kernels : (B, C_out, C_in, kz, ky, kx)
        One a draw, or ``(1, ...)`` where the draws share it.
    need : Window
        Output voxels wanted.
    grouped_voxels : int
        Largest output for which draws with kernels and inputs of their own are one grouped
        convolution, a group a draw. Draws that share either are one ordinary convolution always.

    Returns
    -------
    Patch
        ``(B, C_out, *need.shape)``.
    """
    kz, ky, kx = kernels.shape[3:]
    data, padding = with_border(patch, (kz, ky, kx), need)
    draws, channels = kernels.shape[:2]
    if draws == 1:
        return Patch(functional.conv3d(data, kernels[0], padding=padding), need)
    if len(data) > 1 and need.roi.size > grouped_voxels:
        out = data.new_empty((draws, channels, *need.shape))
        for one, kernel, values in zip(data, kernels, out, strict=True):
            values.copy_(functional.conv3d(one[None], kernel, padding=padding)[0])
        return Patch(out, need)
    stacked = data.reshape(1, -1, *data.shape[2:])
    joined = functional.conv3d(stacked, kernels.flatten(0, 1), padding=padding, groups=len(data))
    return Patch(joined.reshape(draws, channels, *need.shape), need)


def rectify_and_scale(x: Tensor, bias: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Overwrite `x` with ``relu(x + bias) * scale + shift`` and return it.

    As ``max(x, -bias) * scale + (bias * scale + shift)``, which goes over the memory twice where
    bias, rectifier and normalisation one by one go three times. `bias`, `scale` and `shift` may
    be of higher precision than `x`; they broadcast to it.
    """
    # Rounded once, so that what is taken off and what is put back agree.
    rounded = bias.to(x.dtype)
    torch.maximum(x, -rounded, out=x)
    return torch.addcmul(torch.addcmul(shift, rounded, scale), x, scale, out=x)
