"""Who is compared: what a trained model is asked for, under a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.methods.runs import RUNS_OF, SEEDS, UNET, Run, all_runs

__all__ = ["BASELINES", "NUM_SAMPLES", "Contender", "contenders"]

NUM_SAMPLES = 16
"""Draws of each prediction; fewer where fewer differ."""

PLAIN_SOFTMAX, PLAIN_DROPOUT = "plain UNet, softmax", "plain UNet, MC dropout"
BASELINES = (PLAIN_SOFTMAX, PLAIN_DROPOUT)
"""What a person gets today."""

_FLIPS = "zyx"


@dataclass(frozen=True)
class Contender:
    """A way of predicting.

    Attributes
    ----------
    name : str
        A line of the tables.
    run : str
        Whose model it uses.
    flips : str
        Axes that draws are mirrored along in turn.
    plain : bool
        One pass without anything random.
    """

    name: str
    run: str
    flips: str = ""
    plain: bool = False

    def model(self, runs: Sequence[Run], seed: int) -> Run:
        """Return the run of a seed."""
        return next(run for run in runs if run.name == self.run and run.settings.seed == seed)

    def key(self, run: Run) -> str:
        """Return the name of the file of scores."""
        way = "plain" if self.plain else f"{NUM_SAMPLES}{self.flips}"
        return f"{run.key}-{way}"


def contenders(data: str) -> list[Contender]:
    """Return who is compared on a data set."""
    found = [
        Contender(PLAIN_SOFTMAX, UNET, plain=True),
        Contender(PLAIN_DROPOUT, UNET),
        *(Contender(name, name) for name in RUNS_OF[data] if name != UNET),
    ]
    if "flips" in RUNS_OF[data]:
        found.append(Contender("flips + flips at test time", "flips", flips=_FLIPS))
    return found


def models(data: str) -> dict[tuple[str, int], Run]:
    """Return the runs of a data set by name and seed."""
    return {(run.name, run.settings.seed): run for run in all_runs(data)}


assert all(0 in seeds for seeds in SEEDS.values())
