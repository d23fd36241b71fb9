from __future__ import annotations

import os
import sys
import threading

import pytest

from napari_bayesseg.session.background import ThreadBackground, lower_priority


def test_work_runs_elsewhere_and_callbacks_here_in_order(background: ThreadBackground) -> None:
    places: list[int] = []
    order: list[int] = []

    def work() -> None:
        places.append(threading.get_ident())
        for index in range(50):
            background.post(lambda index=index: order.append(index))  # type: ignore[misc]
        background.post(lambda: places.append(threading.get_ident()))

    background.start(work, "work")
    assert background.drain(10)
    assert places[0] != threading.get_ident() == places[1]
    assert order == list(range(50))


def test_drain_until_stops_at_the_condition(background: ThreadBackground) -> None:
    seen: list[int] = []
    for index in range(5):
        background.post(lambda index=index: seen.append(index))  # type: ignore[misc]
    assert background.drain_until(lambda: len(seen) == 3, 10)
    assert seen == [0, 1, 2]
    assert background.drain(10)
    assert seen == [0, 1, 2, 3, 4]


def test_drain_until_tells_what_can_not_come_any_more(background: ThreadBackground) -> None:
    background.start(lambda: None, "work")
    assert not background.drain_until(lambda: False)


def test_drain_gives_up_after_the_timeout(background: ThreadBackground) -> None:
    release = threading.Event()

    def work() -> None:
        release.wait(10)

    background.start(work, "slow")
    assert not background.drain(0.01)
    release.set()
    assert background.drain(10)


def test_closing_drops_callbacks_joins_and_refuses_new_work() -> None:
    background = ThreadBackground()
    seen: list[str] = []
    release = threading.Event()

    def work() -> None:
        release.wait(10)
        background.post(lambda: seen.append("late"))

    background.post(lambda: seen.append("early"))
    background.start(work, "to be joined")
    assert not background.close(0.01)
    release.set()
    assert background.close(10)
    assert background.close(0)
    assert background.drain(1)
    assert seen == []
    assert "to be joined" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(RuntimeError, match="closed"):
        background.start(work, "too late")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads share their priority")
def test_the_priority_of_one_thread_is_lowered() -> None:
    found: list[int] = []

    def work() -> None:
        lower_priority()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        child = threading.Thread(
            target=lambda: found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        )
        child.start()
        child.join()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert found == [max(own, 10)] * 2
    assert own < 10
