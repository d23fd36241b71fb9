from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest

from napari_bayesseg.training.cycles import CyclicalSchedule
from napari_bayesseg.training.method_settings import SghmcSettings


def cycles(steps: int, **changes: Any) -> CyclicalSchedule:
    return CyclicalSchedule(steps, SghmcSettings.model_validate(changes), 0.5, 0.6)


def test_the_learning_rate_is_the_published_cosine() -> None:
    """lr0 / 2 (cos(pi (k mod K/M) / (K/M)) + 1), at every step."""
    schedule = cycles(400, num_cycles=4, learning_rate=0.2)
    for step in range(400):
        expected = 0.1 * (math.cos(math.pi * (step % 100) / 100) + 1)
        assert schedule.learning_rate(step) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("steps", [401, 402, 403, 399])
def test_cycles_are_as_equal_as_whole_steps_allow(steps: int) -> None:
    schedule = cycles(steps, num_cycles=4, learning_rate=1.0)
    rates = [schedule.learning_rate(step) for step in range(steps)]
    starts = [step for step, rate in enumerate(rates) if rate == 1.0]
    assert len(starts) == 4
    lengths = [b - a for a, b in zip(starts, [*starts[1:], steps], strict=True)]
    assert max(lengths) - min(lengths) <= 1


def test_noise_is_added_in_the_last_part_of_each_cycle() -> None:
    schedule = cycles(200, num_cycles=2, sampling_share=0.3, temperature=0.4)
    warm = [step for step in range(200) if schedule.group_values(step)["temperature"] == 0.4]
    assert warm == [*range(70, 100), *range(170, 200)]
    assert schedule.group_values(0) == {"lr": 0.05, "temperature": 0.0}


def test_snapshots_are_spread_over_the_sampling_and_none_is_of_the_burn_in() -> None:
    schedule = cycles(
        400, num_cycles=4, burn_in_cycles=2, snapshots_per_cycle=3, sampling_share=0.3
    )
    assert sorted(schedule.snapshots) == [279, 289, 299, 379, 389, 399]


def test_statistics_are_taken_anew_in_each_cycle_with_snapshots() -> None:
    schedule = cycles(30, num_cycles=3, burn_in_cycles=1)
    modes = [schedule.statistics(step) for step in range(30)]
    one_cycle = ["live"] * 5 + ["accumulating"] + ["population"] * 4
    assert modes == ["live"] * 10 + one_cycle * 2


@pytest.mark.parametrize("steps", range(1, 60))
def test_cycles_are_accepted_just_where_each_gives_its_snapshots(steps: int) -> None:
    schedule = cycles(steps, num_cycles=3, burn_in_cycles=1)
    bounds = [index * steps // 3 for index in range(4)]
    usable = True
    for start, stop in pairwise(bounds[1:]):
        modes = [schedule.statistics(step) for step in range(start, stop)]
        warm = [schedule.group_values(step)["temperature"] > 0 for step in range(start, stop)]
        usable &= "accumulating" in modes and sum(warm) >= 2
    usable &= all(schedule.statistics(step) == "population" for step in schedule.snapshots)
    if usable:
        schedule.check()
        assert len(schedule.snapshots) == 4
    else:
        with pytest.raises(ValueError, match=r"too short|must come after"):
            schedule.check()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_cycles": 2, "burn_in_cycles": 2}, "2 snapshots or more"),
        ({"num_cycles": 2, "snapshots_per_cycle": 1}, "2 snapshots or more"),
        ({"sampling_share": 1.0}, "take a smaller one"),
        ({"num_cycles": 200}, "fewer num_cycles"),
        ({"snapshots_per_cycle": 50}, "too short for their snapshots"),
    ],
)
def test_cycles_that_cannot_give_their_snapshots_are_refused(
    changes: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        cycles(400, **changes).check()
