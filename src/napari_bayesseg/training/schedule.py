"""How learning rate and normalisation change over a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from napari_bayesseg.networks.normalisation import Statistics
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["DecaySchedule", "Schedule", "learning_rate"]


class Schedule(Protocol):
    """What happens at which step; a function of the step alone, so that a run can go on.

    Attributes
    ----------
    snapshots : frozenset of int
        Steps, from 0, after which the network is one of the result's. Empty: the result is the
        one network that is best by validation.
    """

    @property
    def snapshots(self) -> frozenset[int]: ...  # noqa: D102

    def group_values(self, step: int) -> Mapping[str, float]:
        """Return what the optimiser's parameter groups hold during a step."""
        ...

    def statistics(self, step: int) -> Statistics:
        """Return where the normalisations take their statistics from."""
        ...


def learning_rate(settings: TrainingSettings, step: int) -> float:
    """Constant at first, then exponential decay to the final share."""
    done = step / settings.steps
    if done <= settings.constant_fraction or settings.constant_fraction == 1.0:
        return settings.learning_rate
    decay = (done - settings.constant_fraction) / (1.0 - settings.constant_fraction)
    return float(settings.learning_rate * settings.final_learning_rate**decay)


@dataclass(frozen=True)
class DecaySchedule:
    """Constant, then exponential decay; statistics live, then averaged, then in force.

    Attributes
    ----------
    settings : TrainingSettings
    frozen_statistics : bool
        Whether the statistics that the network comes with are in force all along, as for a
        network that is trained on.
    """

    settings: TrainingSettings
    frozen_statistics: bool = False
    snapshots: frozenset[int] = frozenset()

    def group_values(self, step: int) -> Mapping[str, float]:
        """Return the learning rate."""
        return {"lr": learning_rate(self.settings, step)}

    def statistics(self, step: int) -> Statistics:
        """Return the mode of the normalisations."""
        return "population" if self.frozen_statistics else self.settings.statistics_mode(step)
