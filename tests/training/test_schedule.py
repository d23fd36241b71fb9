from __future__ import annotations

import pytest

from napari_bayesseg.training.schedule import DecaySchedule, learning_rate
from tests.training.cases import tiny_settings


def test_the_learning_rate_is_constant_and_then_falls_by_a_factor() -> None:
    settings = tiny_settings(
        steps=100, learning_rate=0.01, constant_fraction=0.4, final_learning_rate=0.01
    )
    assert [learning_rate(settings, step) for step in (0, 20, 40)] == [0.01] * 3
    assert learning_rate(settings, 70) == pytest.approx(0.01 * 0.1)  # half way, in powers
    assert learning_rate(settings, 100) == pytest.approx(0.01 * 0.01)
    flat = tiny_settings(steps=100, learning_rate=0.01, constant_fraction=1.0)
    assert learning_rate(flat, 99) == 0.01


def test_a_network_that_is_trained_on_keeps_its_statistics() -> None:
    settings = tiny_settings(steps=10)
    fresh, given = DecaySchedule(settings), DecaySchedule(settings, frozen_statistics=True)
    assert [fresh.statistics(s) for s in (0, 5, 6)] == ["live", "accumulating", "population"]
    assert {given.statistics(step) for step in range(10)} == {"population"}
    assert fresh.group_values(3) == given.group_values(3) == {"lr": settings.learning_rate}
