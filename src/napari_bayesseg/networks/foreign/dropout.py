"""Dropout of foreign networks, with masks that are one function over the whole volume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.seeding import keyed_generator
from napari_bayesseg.networks.foreign.voxel_mask import voxel_mask
from napari_bayesseg.numerics.voxel_hash import voxel_key

__all__ = ["DrawKey", "SampledDropout", "full_pass", "occurrence", "replace_dropout"]

_VOXELS = (nn.Dropout, nn.AlphaDropout)
_CHANNELS = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.FeatureAlphaDropout)
_ALPHA = (nn.AlphaDropout, nn.FeatureAlphaDropout)
_SELU_FLOOR = -1.7580993408473766
"""Limit of SELU towards minus infinity: what alpha dropout puts where a value is dropped."""


@dataclass(frozen=True)
class DrawKey:
    """Which posterior draw is being computed.

    Attributes
    ----------
    seed, index : int
    origin : (z, y, x)
        Voxel, of the layer's own level, from which the boxes that it is given count.
    """

    seed: int
    index: int
    origin: Index3 = (0, 0, 0)


@dataclass(frozen=True)
class _FullPass:
    key: DrawKey
    tile: Roi
    calls: Counter[str] = field(default_factory=Counter)


_PASS: ContextVar[_FullPass | None] = ContextVar("full_pass", default=None)


@contextmanager
def full_pass(key: DrawKey, tile: Roi) -> Iterator[None]:
    """Let the dropout of a network that is called as a whole sample, for a tile of the volume."""
    token = _PASS.set(_FullPass(key, tile))
    try:
        yield
    finally:
        _PASS.reset(token)


class SampledDropout(nn.Module):
    """Dropout whose mask is a function of seed, draw, layer name, voxel and channel.

    Parameters
    ----------
    name : str
        Of the layer in its network.
    rate : float
        Share that is dropped.
    channels : bool
        Drop whole channels (one decision for the volume), or voxels one by one.
    alpha : bool
        Keep mean and variance under SELU, as ``nn.AlphaDropout`` does.

    References
    ----------
    Gal and Ghahramani, "Dropout as a Bayesian approximation", ICML 2016; Klambauer et al.,
    "Self-normalizing neural networks", NeurIPS 2017, section 2 (alpha dropout).
    """

    def __init__(self, name: str, rate: float, *, channels: bool, alpha: bool = False) -> None:
        super().__init__()
        self.name = name
        self.rate = rate
        self.channels = channels
        self.alpha = alpha

    def sample(self, data: Tensor, start: Index3, key: DrawKey, name: str | None = None) -> Tensor:
        """Drop from ``(1, C, z, y, x)`` whose first voxel is `start` of the layer's own level."""
        name = name or self.name
        if self.channels:
            random = keyed_generator(key.seed, key.index, name).random(data.shape[1])
            keep = torch.from_numpy(random >= self.rate).to(data.device)[:, None, None, None]
        else:
            bits = voxel_key(key.seed, key.index, name)
            keep = voxel_mask(bits, self.rate, start, tuple(data.shape[1:]), data.device)
        if self.alpha:
            return self._alpha(data, keep)
        dropped: Tensor = data * keep
        return dropped.mul_(1.0 / (1.0 - self.rate) if self.rate < 1.0 else 0.0)

    def _alpha(self, data: Tensor, keep: Tensor) -> Tensor:
        kept = 1.0 - self.rate
        if kept == 0.0:
            return torch.zeros_like(data)
        scale = (kept + _SELU_FLOOR**2 * kept * self.rate) ** -0.5
        kept_or_floor = torch.where(keep, data, _SELU_FLOOR)
        return kept_or_floor.mul_(scale).sub_(scale * _SELU_FLOOR * self.rate)

    def forward(self, data: Tensor) -> Tensor:
        """Sample inside :func:`full_pass`; elsewhere change nothing, as dropout in evaluation."""
        now = _PASS.get()
        if now is None:
            return data
        now.calls[self.name] += 1
        level, tile = data.shape[2:], now.tile
        start = [a * n // m for a, n, m in zip(tile.start, level, tile.shape, strict=True)]
        name = occurrence(self.name, now.calls[self.name])
        return self.sample(data, (start[0], start[1], start[2]), now.key, name)


def occurrence(name: str, count: int) -> str:
    """Name the `count`-th use of a layer in a pass: each has noise of its own."""
    return name if count == 1 else f"{name}#{count}"


def replace_dropout(network: nn.Module) -> tuple[SampledDropout, ...]:
    """Put our dropout in the place of every dropout layer; returns those with a rate above 0."""
    replaced: dict[int, SampledDropout] = {}
    for path, module in list(network.named_modules()):
        if isinstance(module, (*_VOXELS, *_CHANNELS)):
            replaced[id(module)] = SampledDropout(
                path,
                module.p,
                channels=isinstance(module, _CHANNELS),
                alpha=isinstance(module, _ALPHA),
            )
    for module in list(network.modules()):
        for name, child in module._modules.items():  # all names, also of a layer that has two
            if id(child) in replaced:
                setattr(module, name, replaced[id(child)])
    return tuple(layer for layer in replaced.values() if layer.rate > 0.0)
