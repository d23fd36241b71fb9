"""What a method of training must offer to the loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Loss", "Objective", "TrainingBatch"]


@dataclass(frozen=True)
class TrainingBatch:
    """The patches of one step, on the device.

    Attributes
    ----------
    images : (N, 1, Z, Y, X) float32
    labels : (N, Z, Y, X) int64
        -1 where a voxel does not count.
    unlabelled : (M, 1, Z, Y, X) float32 or None
        Of scans without labels, in the methods that learn from them.
    """

    images: Tensor
    labels: Tensor
    unlabelled: Tensor | None = None


@dataclass(frozen=True)
class Loss:
    """A scalar to be minimised, and the parts that a log shows."""

    total: Tensor
    terms: Mapping[str, Tensor]


class Objective(Protocol):
    """The loss of one method for one network, and what the method does besides."""

    def loss(self, batch: TrainingBatch, step: int) -> Loss:
        """Return the loss of a batch; `step` counts from 0."""
        ...

    def likelihood(self, outputs: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Return the mean negative log-likelihood of labelled voxels, in nats.

        By it checkpoints are compared, whatever else the loss holds.

        Parameters
        ----------
        outputs : (N, num_outputs, Z, Y, X) float32
        labels : (N, Z, Y, X) int64
        generator : torch.Generator
            On the device of the outputs, for methods whose likelihood is an average over noise.
        """
        ...

    def after_step(self, step: int) -> None:
        """Do what follows the optimiser's step."""
        ...

    def tensors(self) -> Mapping[str, Tensor]:
        """Return what must be saved besides the network: the tensors themselves, by name.

        A saved state is copied into them.
        """
        ...
