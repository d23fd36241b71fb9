from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.job import Job, JobSlot, explain


class Told:
    """Collects what a slot tells."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failed: list[Exception] = []
        self.dropped: list[str] = []

    def start(self, slot: JobSlot, work: Callable[[Job], str]) -> None:
        slot.start(work, self.done.append, self.failed.append, self.dropped.append)


class Held:
    """Work that ends when the test lets it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.begun, self.release = threading.Event(), threading.Event()

    def __call__(self, job: Job) -> str:
        self.begun.set()
        assert self.release.wait(10)
        return f"{self.name}, {'stopped' if job.should_stop() else 'undisturbed'}"


def test_a_result_comes_on_the_owners_thread(background: ThreadBackground) -> None:
    told, running = Told(), []
    slot = JobSlot(background, "job", lambda: running.append(slot.is_running))
    told.start(slot, lambda _: threading.current_thread().name)
    assert slot.is_running
    assert background.drain(10)
    assert told.done == ["job"]
    assert running == [True, False]


def test_an_error_comes_on_the_owners_thread(background: ThreadBackground) -> None:
    told, slot = Told(), JobSlot(background, "job")

    def work(_: Job) -> str:
        raise SettingsError("no good")

    told.start(slot, work)
    assert background.drain(10)
    assert [str(error) for error in told.failed] == ["no good"]
    assert not slot.is_running


def test_only_the_newest_of_many_is_told_and_few_are_run(background: ThreadBackground) -> None:
    told, slot, first = Told(), JobSlot(background, "job"), Held("first")
    ran: list[int] = []

    def numbered(index: int) -> Callable[[Job], str]:
        def work(_: Job) -> str:
            ran.append(index)
            return str(index)

        return work

    told.start(slot, first)
    assert first.begun.wait(10)
    for index in range(20):
        told.start(slot, numbered(index))
    first.release.set()
    assert background.drain(10)
    assert (told.done, told.dropped, ran) == (["19"], ["first, stopped"], [19])


def test_posts_of_superseded_work_are_dropped(background: ThreadBackground) -> None:
    slot, heard = JobSlot(background, "job"), []
    posted = threading.Event()

    def work(job: Job) -> str:
        job.post(lambda: heard.append("old"))
        posted.set()
        return "old"

    slot.start(work, heard.append, heard.append)
    assert posted.wait(10)

    def newer(job: Job) -> str:
        job.post(lambda: heard.append("new"))
        return "end"

    slot.start(newer, heard.append, heard.append)
    assert background.drain(10)
    assert heard == ["new", "end"]


def test_stop_lets_the_end_be_told_and_cancel_does_not(background: ThreadBackground) -> None:
    told, slot, first, second = Told(), JobSlot(background, "job"), Held("first"), Held("second")
    told.start(slot, first)
    slot.stop()
    first.release.set()
    assert background.drain(10)
    assert told.done == ["first, stopped"]
    told.start(slot, second)
    slot.cancel()
    assert not slot.is_running
    second.release.set()
    assert background.drain(10)
    assert told.done == ["first, stopped"]
    assert told.dropped == ["second, stopped"]


def test_what_comes_after_closing_is_dropped_once() -> None:
    background, told, late = ThreadBackground(), Told(), Held("late")
    slot = JobSlot(background, "job")
    told.start(slot, late)
    assert late.begun.wait(10)
    slot.close()
    late.release.set()
    assert background.close(10)
    assert (told.done, told.dropped) == ([], ["late, stopped"])
    told.start(slot, lambda _: "never")
    assert not slot.is_running


def test_what_is_finished_but_not_told_is_dropped_at_closing() -> None:
    background, told = ThreadBackground(), Told()
    slot = JobSlot(background, "job")
    told.start(slot, lambda _: "ready")
    for thread in threading.enumerate():
        if thread.name == "job":
            thread.join(10)
    slot.close()
    assert background.close(10)
    assert (told.done, told.dropped) == ([], ["ready"])


def test_faults_are_told_shortly_and_logged_with_their_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert explain(SettingsError("one line")) == "one line"
    assert caplog.records == []
    with caplog.at_level(logging.ERROR):
        assert "KeyError: 'x'" in explain(KeyError("x"))
        assert "memory ran out" in explain(MemoryError())
    assert [record.exc_info is not None for record in caplog.records] == [True, True]
