"""Who is compared: what a trained model is asked for, under a name of its own."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.methods.runs import RUNS_OF, UNET, Run

__all__ = [
    "BASELINES",
    "NUM_SAMPLES",
    "NUM_SAMPLES_UNDER_SHIFT",
    "RECOMMENDED",
    "SHIPPED",
    "SHIPPED_MODEL",
    "Contender",
    "contenders",
]

NUM_SAMPLES, NUM_SAMPLES_UNDER_SHIFT = 16, 8
"""Draws of each prediction; fewer where fewer differ."""

PLAIN_SOFTMAX, PLAIN_DROPOUT = "plain UNet, softmax", "plain UNet, MC dropout"
BASELINES = (PLAIN_SOFTMAX, PLAIN_DROPOUT)
"""What a person gets today."""

RECOMMENDED = "ensemble"
"""The contender that the scans for choosing speak for; the aims are judged by it."""
SHIPPED_MODEL = "hippocampus-ensemble"
"""Name of the model that is shipped, which the longer run of `SHIPPED` has left."""

_UNDER_SHIFT = (
    UNET,
    "mc-dropout",
    "bcnn",
    "sghmc",
    "heteroscedastic",
    "heteroscedastic-distortion",
    "ensemble",
)
_WITH_FLIPS = "mc-dropout-flips"
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
    num_samples : int or None
        Draws, where they are not as many as usual: of an ensemble, its first members.
    """

    name: str
    run: str
    flips: str = ""
    plain: bool = False
    num_samples: int | None = None

    @property
    def meets_shifts(self) -> bool:
        """Whether it is judged under shifts: what answers another question is not."""
        return self.run in _UNDER_SHIFT and not self.flips

    def draws(self, *, shifted: bool) -> int:
        """Return how many draws are asked for."""
        usual = NUM_SAMPLES_UNDER_SHIFT if shifted else NUM_SAMPLES
        return usual if self.num_samples is None else self.num_samples

    def key(self, run: Run) -> str:
        """Return the name of the file of scores."""
        way = "plain" if self.plain else f"drawn{self.flips}{self.num_samples or ''}"
        return f"{run.key}-{way}"


SHIPPED = Contender("ensemble of 3", "ensemble", num_samples=3)
"""As good as the recommended one but for a little, and small enough to be shipped."""


def contenders(data: str) -> list[Contender]:
    """Return who is compared on a data set."""
    found = [
        Contender(PLAIN_SOFTMAX, UNET, plain=True),
        Contender(PLAIN_DROPOUT, UNET),
        *(Contender(name, name) for name in RUNS_OF[data] if name not in (UNET, _WITH_FLIPS)),
    ]
    found.append(SHIPPED)
    if _WITH_FLIPS in RUNS_OF[data]:
        found.append(
            Contender("ensemble, flips at test time", "ensemble", flips=_FLIPS, num_samples=40)
        )
        found.append(Contender(_WITH_FLIPS, _WITH_FLIPS))
        found.append(Contender(f"{_WITH_FLIPS}, at test time too", _WITH_FLIPS, flips=_FLIPS))
    return found
