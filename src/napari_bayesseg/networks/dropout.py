"""Dropout of whole channels, fixed once for a whole volume when a posterior is drawn."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from napari_bayesseg.networks.stochastic import Noise
from napari_bayesseg.networks.window import Patch

__all__ = ["ChannelDropout"]


class ChannelDropout(nn.Module):
    """Zero each channel with probability `rate` and scale the rest by 1 / (1 - rate).

    Training and prediction use the same noise (Monte Carlo dropout): in training one mask per
    example, in prediction one mask per posterior draw, shared by every block of the volume.

    References
    ----------
    Gal and Ghahramani, "Dropout as a Bayesian approximation", ICML 2016; Tompson et al.,
    "Efficient object localization using convolutional networks", CVPR 2015 (channel dropout).
    """

    anchor: Tensor

    def __init__(self, channels: int, rate: float) -> None:
        super().__init__()
        self.name = ""
        self.channels = channels
        self.rate = rate
        # Follows the module's device and type; not part of the weights.
        self.register_buffer("anchor", torch.zeros(()), persistent=False)

    def realise(self, generator: np.random.Generator) -> Tensor:
        """Return one mask ``(1, C, 1, 1, 1)`` with entries 0 or 1 / (1 - rate)."""
        kept = torch.from_numpy(generator.random(self.channels) >= self.rate)
        return (kept.to(self.anchor) / (1.0 - self.rate)).reshape(1, -1, 1, 1, 1)

    def forward(self, patch: Patch, noise: Noise) -> Patch:
        """Multiply by the draw's mask, or by a fresh mask per example in training."""
        if isinstance(noise, torch.Generator):
            kept = torch.rand((patch.data.shape[0], self.channels), generator=noise) >= self.rate
            mask = kept.to(patch.data)[:, :, None, None, None] / (1.0 - self.rate)
        else:
            mask = noise[self.name]
        return Patch(patch.data * mask, patch.window)
