"""The cycles of cyclical stochastic gradient MCMC: learning rate, noise, snapshots."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from napari_bayesseg.networks.normalisation import Statistics
from napari_bayesseg.training.method_settings import SghmcSettings

__all__ = ["CyclicalSchedule"]


@dataclass(frozen=True)
class CyclicalSchedule:
    """The learning rate falls along half a cosine and starts anew, cycle after cycle.

    At its height the network moves far, at its end it samples: noise is added in the last part
    of each cycle, and snapshots are taken there, evenly spread, the last one at the very end.
    Each cycle with snapshots takes group statistics of its own, since weights have moved far:
    live, then averaged, then in force, at the same shares of the cycle as other methods use of
    the whole run. Cycles of the burn-in keep live ones.

    Attributes
    ----------
    steps : int
        Of all cycles together; they are as equal as whole steps allow.
    sghmc : SghmcSettings
    accumulate_from, freeze_from : float
        Shares of a cycle.

    References
    ----------
    Zhang et al., "Cyclical stochastic gradient MCMC for Bayesian deep learning", ICLR 2020,
    eq. 1 and algorithm 1; Zhao et al., MELBA 2024:011 (snapshots near the end of each cycle).
    """

    steps: int
    sghmc: SghmcSettings
    accumulate_from: float
    freeze_from: float

    def _cycle(self, step: int) -> tuple[int, int, int]:
        """Return the number of a step's cycle, its first step, and the first one after it."""
        count = self.sghmc.num_cycles
        starts = [index * self.steps // count for index in range(count + 1)]
        index = min(step * count // self.steps, count - 1)
        while step >= starts[index + 1]:
            index += 1
        while step < starts[index]:
            index -= 1
        return index, starts[index], starts[index + 1]

    def _sampling_from(self, start: int, stop: int) -> int:
        return stop - max(1, round(self.sghmc.sampling_share * (stop - start)))

    @cached_property
    def snapshots(self) -> frozenset[int]:
        """Steps, from 0, after which the network is kept."""
        found = set()
        count, each = self.sghmc.num_cycles, self.sghmc.snapshots_per_cycle
        for index in range(self.sghmc.burn_in_cycles, count):
            start, stop = index * self.steps // count, (index + 1) * self.steps // count
            first = self._sampling_from(start, stop)
            found |= {first + (stop - first) * (n + 1) // each - 1 for n in range(each)}
        return frozenset(found)

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        _, start, stop = self._cycle(step)
        turn = math.pi * (step - start) / (stop - start)
        return 0.5 * self.sghmc.learning_rate * (math.cos(turn) + 1.0)

    def group_values(self, step: int) -> Mapping[str, float]:
        """Return learning rate and temperature; 0 where no noise is added."""
        _, start, stop = self._cycle(step)
        samples = step >= self._sampling_from(start, stop)
        return {
            "lr": self.learning_rate(step),
            "temperature": self.sghmc.temperature if samples else 0.0,
        }

    def statistics(self, step: int) -> Statistics:
        """Return the mode of the normalisations."""
        index, start, stop = self._cycle(step)
        done = (step - start) / (stop - start)
        if index < self.sghmc.burn_in_cycles or done < self.accumulate_from:
            return "live"
        return "accumulating" if done < self.freeze_from else "population"

    def _has_room(self) -> bool:
        """Whether each cycle has a step for averaging statistics, and one for each snapshot."""
        count = self.sghmc.num_cycles
        for index in range(self.sghmc.burn_in_cycles, count):
            start, stop = index * self.steps // count, (index + 1) * self.steps // count
            near = start + int(self.accumulate_from * (stop - start))
            steps = [step for step in (near, near + 1) if step < stop]
            if "accumulating" not in [self.statistics(step) for step in steps]:
                return False
            if stop - self._sampling_from(start, stop) < self.sghmc.snapshots_per_cycle:
                return False
        return True

    def check(self) -> None:
        """Refuse cycles that can't give their snapshots.

        Raises
        ------
        ValueError
            Naming the settings to change.
        """
        settings = self.sghmc
        expected = (settings.num_cycles - settings.burn_in_cycles) * settings.snapshots_per_cycle
        if expected < 2:
            raise ValueError(
                "sghmc needs 2 snapshots or more, else all draws are alike; got num_cycles = "
                f"{settings.num_cycles}, burn_in_cycles = {settings.burn_in_cycles} and "
                f"snapshots_per_cycle = {settings.snapshots_per_cycle}"
            )
        length = self.steps // settings.num_cycles
        if not self._has_room():
            raise ValueError(
                f"sghmc: cycles of {length} steps are too short for their snapshots and for "
                "averaging statistics between accumulate_from and freeze_from: take more steps or "
                "fewer num_cycles"
            )
        if any(self.statistics(step) != "population" for step in self.snapshots):
            raise ValueError(
                f"sghmc: snapshots must come after freeze_from = {self.freeze_from:g} of a cycle; "
                f"got sampling_share = {settings.sampling_share:g}: take a smaller one"
            )
