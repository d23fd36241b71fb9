from __future__ import annotations

import pytest

from napari_bayesseg.session import pace
from napari_bayesseg.session.pace import Pace


def test_what_comes_often_is_told_three_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([50.0, 50.1, 50.31, 50.5, 50.7])
    monkeypatch.setattr(pace, "perf_counter", lambda: next(clock))
    told = Pace()
    assert [told.takes() for _ in range(5)] == [True, False, True, False, True]


def test_what_is_always_told_begins_the_rest_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([50.0, 50.2, 50.4, 50.6])
    monkeypatch.setattr(pace, "perf_counter", lambda: next(clock))
    told = Pace()
    assert told.takes()
    assert told.takes(always=True)
    assert not told.takes()
    assert told.takes()
