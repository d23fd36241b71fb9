"""What is trained: one run for each method, seed and choice of scans."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.methods.data import CARDIAC, HIPPOCAMPUS, HIPPOCAMPUS_LONGER
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["RUNS_OF", "SETTINGS", "UNET", "Run", "all_runs", "settings_of"]

SETTINGS = Path(__file__).with_name("settings.json")
"""Settings of every run: for each data set a part that all share, and a part for each run."""
UNET = "plain-unet"
"""The run that trains a network of MONAI as it comes."""

_COMMON = "common"
_EVERY_SCAN, _A_QUARTER, _AN_EIGHTH = 1, 4, 8
_KEY_DIGITS = 10


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes
    ----------
    data : str
        Name of the data set.
    name : str
        What is trained; a section of the settings file.
    settings : TrainingSettings
        With the seed.
    every : int
        Labels of every n-th training scan are used.
    unlabelled : bool
        Whether the other training scans are used without their labels.
    """

    data: str
    name: str
    settings: TrainingSettings
    every: int = _EVERY_SCAN
    unlabelled: bool = False

    @property
    def key(self) -> str:
        """Name of the model's folder: another run, another name."""
        content = {
            "settings": self.settings.model_dump(mode="json"),
            "every": self.every,
            "unlabelled": self.unlabelled,
        }
        text = json.dumps(content, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:_KEY_DIGITS]
        return f"{self.data}-{self.name}-{self.settings.seed}-{digest}"


@dataclass(frozen=True)
class _Kind:
    """A run before it has a seed."""

    every: int = _EVERY_SCAN
    unlabelled: bool = False
    seeds: tuple[int, ...] = (0, 1, 2)


_ONCE = _Kind(seeds=(0,))

RUNS_OF: Mapping[str, Mapping[str, _Kind]] = {
    HIPPOCAMPUS: {
        "mc-dropout": _Kind(),
        "bcnn": _Kind(),
        UNET: _Kind(),
        "sghmc": _Kind(),
        "heteroscedastic": _Kind(),
        "ensemble": _Kind(),
        "supervised-8": _Kind(every=_AN_EIGHTH),
        "ua-mt-8": _Kind(every=_AN_EIGHTH, unlabelled=True),
        "bcnn-quarter": _Kind(every=_A_QUARTER),
        "heteroscedastic-quarter": _Kind(every=_A_QUARTER),
        "heteroscedastic-distortion": _Kind(),
        "bcnn-beta-1": _ONCE,
        "mc-dropout-flips": _ONCE,
    },
    HIPPOCAMPUS_LONGER: {
        "mc-dropout": _ONCE,
        "bcnn": _ONCE,
        UNET: _ONCE,
        "sghmc": _ONCE,
        "heteroscedastic": _ONCE,
        "ensemble": _ONCE,
        "supervised-8": _Kind(every=_AN_EIGHTH, seeds=(0,)),
        "ua-mt-8": _Kind(every=_AN_EIGHTH, unlabelled=True, seeds=(0,)),
        "bcnn-quarter": _Kind(every=_A_QUARTER, seeds=(0,)),
        "heteroscedastic-quarter": _Kind(every=_A_QUARTER, seeds=(0,)),
    },
    CARDIAC: {
        "mc-dropout": _ONCE,
        "bcnn": _ONCE,
        "sghmc": _ONCE,
        "heteroscedastic": _ONCE,
        "ensemble": _ONCE,
    },
}
"""What is trained on which data, the most telling first."""

_LONGEST = "ensemble"
_LATER = ("heteroscedastic-distortion", "bcnn-beta-1", "mc-dropout-flips")
_WITH_SPREAD = ("mc-dropout", "bcnn", UNET, "sghmc", "heteroscedastic")


def settings_of(data: str, name: str, seed: int) -> TrainingSettings:
    """Return the settings of a run: those that all share, and what its section says otherwise."""
    sections = json.loads(SETTINGS.read_text(encoding="utf-8"))[data]
    merged = _merged(sections[_COMMON], sections[name])
    return TrainingSettings.load(None, **{**merged, "seed": seed})


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(base)
    for key, value in changes.items():
        below = found.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        found[key] = _merged(below, value) if both else value
    return found


def all_runs(data: str) -> list[Run]:
    """Return every run of a data set, those first that the most depends on."""
    found = [
        Run(data, name, settings_of(data, name, seed), kind.every, kind.unlabelled)
        for name, kind in RUNS_OF[data].items()
        for seed in kind.seeds
    ]
    return sorted(found, key=_turn)


def _turn(run: Run) -> tuple[int, int]:
    """Return when a run is trained: one seed of all that is claimed, then spread, then the rest."""
    seed, name = run.settings.seed, run.name
    if seed == 0:
        return (0 if name not in _LATER else 2), 0
    if name in _WITH_SPREAD:
        return 1, seed
    return (3 if name != _LONGEST else 4), seed
