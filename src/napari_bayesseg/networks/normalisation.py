"""Group normalisation whose statistics don't depend on the block that is being looked at."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["GroupNorm", "Statistics", "restart_statistics", "set_statistics", "statistics_of"]

Statistics = Literal["live", "accumulating", "population"]


class GroupNorm(nn.Module):
    """Group normalisation with live or population statistics.

    Live statistics are taken over the channels of a group and all voxels of the example, so that
    a voxel's value depends on the size and place of the tile: tiling can't be exact. Population
    statistics are averages over training, constants at prediction. The modes:

    ``live``
        the ordinary layer (start of training);
    ``accumulating``
        live, and averages of mean and second moment are taken on the way;
    ``population``
        normalises by the averages (rest of training, and prediction).

    References
    ----------
    Wu and He, "Group normalization", ECCV 2018, eq. 1-5. The population form is ours.
    """

    mean: Tensor
    second_moment: Tensor
    count: Tensor

    def __init__(self, channels: int, groups: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.groups = groups
        self.eps = eps
        self.statistics: Statistics = "live"
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(groups))
        self.register_buffer("second_moment", torch.ones(groups))
        self.register_buffer("count", torch.zeros(()))

    @torch.no_grad()
    def _accumulate(self, x: Tensor) -> None:
        # Running mean over batches: each batch counts alike, whatever its size.
        # Mean and second moment are subtracted later, so never in less than float32.
        grouped = x.detach().to(self.mean.dtype).reshape(x.shape[0], self.groups, -1)
        per_group = grouped.transpose(0, 1).flatten(1)
        self.count += 1
        self.mean += (per_group.mean(1) - self.mean) / self.count
        self.second_moment += (per_group.square().mean(1) - self.second_moment) / self.count

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """Return what population statistics come down to: y = x * scale + shift.

        Both are ``(1, C, 1, 1, 1)``.
        """
        variance = (self.second_moment - self.mean.square()).clamp_min(0.0)  # rounding
        scale = self.weight.reshape(self.groups, -1) * torch.rsqrt(variance + self.eps)[:, None]
        shift = self.bias.reshape(self.groups, -1) - self.mean[:, None] * scale
        return scale.reshape(1, -1, 1, 1, 1), shift.reshape(1, -1, 1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(N, C, Z, Y, X)``; in inference mode population statistics overwrite `x`."""
        if self.statistics == "population":
            scale, shift = self.scale_and_shift()
            # Prediction lives on memory bandwidth, and its inputs are fresh from a convolution.
            out = x if torch.is_inference_mode_enabled() else None
            return torch.addcmul(shift, x, scale, out=out)
        if self.statistics == "accumulating":
            self._accumulate(x)
        return nn.functional.group_norm(x, self.groups, self.weight, self.bias, self.eps)


def set_statistics(network: nn.Module, statistics: Statistics) -> None:
    """Put every group normalisation of a network into one mode."""
    for module in network.modules():
        if isinstance(module, GroupNorm):
            module.statistics = statistics


@torch.no_grad()
def restart_statistics(network: nn.Module) -> None:
    """Forget the averages of every group normalisation, so that new ones are taken."""
    for module in network.modules():
        if isinstance(module, GroupNorm):
            module.mean.zero_()
            module.second_moment.fill_(1.0)
            module.count.zero_()


def statistics_of(network: nn.Module) -> Statistics:
    """Return the mode that the group normalisations of a network are in.

    Raises
    ------
    ValueError
        If they are in several, or there are none.
    """
    modes = {module.statistics for module in network.modules() if isinstance(module, GroupNorm)}
    if len(modes) != 1:
        raise ValueError(f"expected group normalisations of one mode; got {sorted(modes)}")
    return modes.pop()
