"""What a training tells while it works, how it is stopped, and what it leaves on record."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["NetworkRecord", "Progress", "TrainingHooks", "TrainingRecord"]


@dataclass(frozen=True)
class Progress:
    """One line of a training's log; losses in nats per voxel.

    Attributes
    ----------
    step, steps : int
        Steps done, from 1, and of all, of this member.
    loss : float
        What the optimiser saw.
    terms : mapping of str to float
        The parts of the loss by name, and other numbers that the method tells.
    validation : float or None
        Negative log-likelihood of the held-out scans, at the steps where it was taken.
    member, members : int
        Which network of an ensemble, from 1; 1 of 1 for the other methods.
    """

    step: int
    steps: int
    loss: float
    terms: Mapping[str, float]
    validation: float | None = None
    member: int = 1
    members: int = 1

    @property
    def share(self) -> float:
        """How much of the whole training is done, from 0 to 1."""
        return (self.member - 1 + self.step / self.steps) / self.members


@dataclass(frozen=True)
class TrainingHooks:
    """How a face follows a training.

    Attributes
    ----------
    progress : callable
        Receives a :class:`Progress` after each step.
    should_stop : callable
        Asked after each step; where it says so, the state is saved and ``Cancelled`` raised.
    """

    progress: Callable[[Progress], None] = lambda _: None
    should_stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class NetworkRecord:
    """Where one network of the result comes from.

    Attributes
    ----------
    member, step : int
        Of which training run, and after which step, both from 1.
    validation : float
        Nats per voxel of the held-out scans; infinite without any.
    """

    member: int
    step: int
    validation: float = math.inf


@dataclass
class TrainingRecord:
    """What a training did, for the model card and the log.

    Attributes
    ----------
    log : list of Progress
    networks : list of NetworkRecord
        In the order of the networks of the result.
    kl_divergence_nats : float
        From the prior to the posterior of a variational network, else 0.
    intensity_range : (float, float)
        Of the training scans, standard deviations.
    num_training_voxels : int
        Labelled ones; the N of the formulas.
    seconds : float
        Spent, over all interruptions.
    """

    log: list[Progress] = field(default_factory=list)
    networks: list[NetworkRecord] = field(default_factory=list)
    kl_divergence_nats: float = 0.0
    intensity_range: tuple[float, float] = (0.0, 0.0)
    num_training_voxels: int = 0
    seconds: float = 0.0

    @property
    def best_step(self) -> int:
        """The step after which the best network was kept; 0 if there is none."""
        return min(self.networks, key=lambda n: n.validation).step if self.networks else 0

    @property
    def best_validation(self) -> float:
        """Of the best network; infinite without held-out scans."""
        return min((n.validation for n in self.networks), default=math.inf)
