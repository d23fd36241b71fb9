from __future__ import annotations

import threading

import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.job import Job
from napari_bayesseg.session.work import Work
from tests.session.hearing import Heard

TIMEOUT = 10


class Knitting(Work):
    """Knits until it is asked to stop, or is let go on."""

    def __init__(self, background: ThreadBackground, in_the_way: str = "") -> None:
        super().__init__(background, "knitting", "someone is knitting", lambda: in_the_way)
        self.may_end = threading.Event()

    def run(self) -> None:
        self.check_free()
        self._enter("starting")

        def knit(job: Job) -> str:
            job.post(self._enter_running)
            while not (self.may_end.wait(0.01) or job.should_stop()):
                pass
            return "cancelled" if job.should_stop() else "done"

        self._job.start(knit, done=lambda _: self._enter("idle"), failed=lambda _: None)


def test_it_begins_runs_and_ends(background: ThreadBackground) -> None:
    work = Knitting(background)
    heard = Heard(work)
    assert (work.state, work.is_running, work.under_way, work.refusal) == ("idle", False, "", "")
    work.run()
    assert (work.state, work.is_running) == ("starting", True)
    work.may_end.set()
    assert background.drain(TIMEOUT)
    assert heard["state_changed"] == ["starting", "running", "idle"]


def test_one_piece_at_a_time(background: ThreadBackground) -> None:
    work = Knitting(background)
    work.run()
    assert work.under_way == work.refusal == "someone is knitting"
    with pytest.raises(SettingsError, match="someone is knitting"):
        work.run()
    work.may_end.set()
    assert background.drain(TIMEOUT)
    work.run()
    assert background.drain(TIMEOUT)


def test_nothing_begins_beside_other_work(background: ThreadBackground) -> None:
    work = Knitting(background, in_the_way="someone is spinning")
    heard = Heard(work)
    assert (work.under_way, work.refusal) == ("", "someone is spinning")
    with pytest.raises(SettingsError, match="someone is spinning"):
        work.run()
    assert heard.names == []


def test_cancelling_lasts_until_it_has_ended(background: ThreadBackground) -> None:
    work = Knitting(background)
    heard = Heard(work)
    work.cancel()  # nothing is running
    work.run()
    work.cancel()
    work.cancel()
    assert work.state == "cancelling"
    assert background.drain(TIMEOUT)
    # What is told after that changes nothing.
    assert heard["state_changed"] == ["starting", "cancelling", "idle"]


def test_closing_says_nothing(background: ThreadBackground) -> None:
    work = Knitting(background)
    heard = Heard(work)
    work.run()
    heard.forget()
    work.close()
    assert work.state == "idle"
    assert background.drain(TIMEOUT)
    assert heard.names == []
