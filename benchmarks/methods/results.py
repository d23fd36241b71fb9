"""Scores of the whole study in memory: by contender, condition and name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.methods.contenders import Contender
from benchmarks.methods.data import TITLES
from benchmarks.methods.runs import Run
from benchmarks.methods.scores import (
    REFERENCE_CONDITIONS,
    Condition,
    Task,
    condition_name,
    load_scores,
)
from benchmarks.methods.statistics import Sample, mean_of_known
from benchmarks.methods.training import training_seconds
from benchmarks.shifts import IN_DOMAIN

__all__ = ["Results"]


@dataclass(frozen=True)
class Results:
    """What every contender reached.

    Attributes
    ----------
    data : str
        Name of the data set.
    contenders : tuple of Contender
        In the order of the tables.
    tasks : mapping
        By name of the contender, one a seed.
    scores : mapping
        The files of the tasks, in the same order.
    """

    data: str
    contenders: tuple[Contender, ...]
    tasks: Mapping[str, tuple[Task, ...]]
    scores: Mapping[str, tuple[Mapping[str, Mapping[str, Any]], ...]]

    @classmethod
    def load(cls, data: str, contenders: Sequence[Contender], tasks: Sequence[Task]) -> Results:
        """Read what :func:`~benchmarks.methods.scores.score_missing` has left."""
        by_name = {
            contender.name: tuple(task for task in tasks if task.contender == contender)
            for contender in contenders
        }
        scores = {name: tuple(map(load_scores, own)) for name, own in by_name.items()}
        return cls(data, tuple(contenders), by_name, scores)

    @property
    def title(self) -> str:
        """What tables call the study."""
        return TITLES[self.data]

    @property
    def names(self) -> list[str]:
        """Of the contenders that were judged."""
        return [name for name, own in self.tasks.items() if own]

    @property
    def num_scans(self) -> int:
        """How many were judged."""
        return len(self.scores[self.names[0]][0][condition_name(IN_DOMAIN)])

    @property
    def under_shifts(self) -> list[str]:
        """Names of the contenders that were judged under shifts."""
        return [name for name in self.names if any(len(found) > 1 for found in self.scores[name])]

    def runs(self, name: str) -> list[Run]:
        """Return the runs behind a contender."""
        return [task.run for task in self.tasks[name]]

    def seconds(self, name: str) -> Sample:
        """Return the processor time of each run behind a contender."""
        return Sample(np.array([[training_seconds(run)] for run in self.runs(name)]))

    def sample(
        self,
        name: str,
        score: str,
        condition: Condition = IN_DOMAIN,
        *,
        judged_under: Condition | None = None,
    ) -> Sample:
        """Return a score of a contender under one condition, by seed and scan.

        With `judged_under` only of those seeds and scans that were judged under that one too.
        """
        key = condition_name(condition)
        needed = key if judged_under is None else condition_name(judged_under)
        rows = [
            [case[score] for scan, case in found[key].items() if scan in found[needed]]
            for found in self.scores[name]
            if key in found and needed in found
        ]
        return Sample.of(rows)

    def under_shift(self, name: str, score: str) -> Sample:
        """Return a score, each scan's mean over the reference strength of every shift."""
        values = [self.sample(name, score, c).values for c in REFERENCE_CONDITIONS]
        return Sample(mean_of_known(np.array(values)))

    def curve(self, name: str, *, shifted: bool) -> NDArray[np.float64]:
        """Return the share of errors removed, mean over scans, seeds and conditions."""
        conditions = REFERENCE_CONDITIONS if shifted else (IN_DOMAIN,)
        lists = [
            [np.nan if value is None else value for value in case["removed"]]
            for found in self.scores[name]
            for condition in conditions
            for case in found[condition_name(condition)].values()
        ]
        return mean_of_known(np.array(lists, float))

    def reliability(self, name: str, *, shifted: bool) -> NDArray[np.float64]:
        """Return accuracy minus confidence by bin, all voxels pooled; NaN where there are few."""
        conditions = REFERENCE_CONDITIONS if shifted else (IN_DOMAIN,)
        total = np.zeros(0)
        counts = np.zeros(0)
        for found in self.scores[name]:
            for condition in conditions:
                for case in found[condition_name(condition)].values():
                    count = np.array(case["bin_counts"], float)
                    gap = np.array(
                        [
                            0.0 if a is None else a - b
                            for a, b in zip(
                                case["bin_accuracy"], case["bin_confidence"], strict=True
                            )
                        ]
                    )
                    if not counts.size:
                        total, counts = np.zeros_like(count), np.zeros_like(count)
                    total += count * gap
                    counts += count
        enough = counts >= _FEWEST * counts.sum()
        return np.asarray(np.where(enough, total / np.maximum(counts, 1.0), np.nan))


_FEWEST = 1e-4
"""Share of the voxels that a bin must hold to be shown."""
