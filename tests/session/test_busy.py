from __future__ import annotations

from napari_bayesseg.session.busy import BusyTeller


def test_each_change_is_told_once() -> None:
    is_busy, told = False, list[bool]()
    look = BusyTeller(lambda: is_busy, told.append)
    look()
    assert told == []
    is_busy = True
    look()
    look()
    assert told == [True]
    is_busy = False
    look()
    look()
    assert told == [True, False]
