"""What a random layer must offer, so that a posterior draw can be made from a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["Noise", "StochasticLayer", "standard_normal", "stochastic_layers"]

Noise = Mapping[str, Tensor] | torch.Generator
"""Where a forward pass takes its randomness from.

A mapping from layer name to realisation is *one function*, the same wherever it is applied (a
posterior draw). A generator gives fresh noise on each call, per example (training).
"""


@runtime_checkable
class StochasticLayer(Protocol):
    """A layer whose randomness can be fixed once for a whole volume."""

    name: str

    def realise(self, generator: np.random.Generator) -> Tensor:
        """Return one realisation (a weight tensor, a channel mask) on the layer's device."""
        ...


def stochastic_layers(network: nn.Module) -> tuple[StochasticLayer, ...]:
    """Return the random layers of a network in the order of definition."""
    return tuple(m for m in network.modules() if isinstance(m, StochasticLayer))


def standard_normal(generator: np.random.Generator, like: Tensor) -> Tensor:
    """Return independent N(0, 1) numbers with the shape, device and type of `like`.

    They are made by NumPy in float32 on the CPU, so that every device sees the same draw.
    """
    noise = generator.standard_normal(tuple(like.shape), dtype=np.float32)
    return torch.from_numpy(noise).to(device=like.device, dtype=like.dtype)
