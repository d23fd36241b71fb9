from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QCoreApplication

from napari_bayesseg.gui.threads import QtBackground

pytestmark = pytest.mark.viewer


@pytest.fixture
def background(qtbot: QtBot) -> Iterator[QtBackground]:
    background = QtBackground()
    yield background
    background.close()


def test_callbacks_run_here_in_the_order_they_were_posted(
    background: QtBackground, qtbot: QtBot
) -> None:
    heard: list[tuple[int, threading.Thread]] = []

    def work() -> None:
        for number in range(100):
            background.post(lambda n=number: heard.append((n, threading.current_thread())))

    background.start(work, "counting")
    qtbot.waitUntil(lambda: len(heard) == 100, timeout=5000)
    assert [number for number, _ in heard] == list(range(100))
    assert {thread for _, thread in heard} == {threading.current_thread()}


def test_closing_waits_for_threads_and_drops_what_they_posted(
    background: QtBackground, qtbot: QtBot
) -> None:
    heard: list[str] = []
    gate = threading.Event()

    def work() -> None:
        background.post(lambda: heard.append("before"))
        gate.wait(5)
        background.post(lambda: heard.append("after"))

    background.start(work, "waiting")
    assert not background.close(0.05)
    gate.set()
    assert background.close(5)
    qtbot.wait(20)
    assert heard == []
    assert background.is_closed
    with pytest.raises(RuntimeError, match="closed"):
        background.start(work, "late")


def test_it_closes_with_the_application_after_asking_its_work_to_stop(
    background: QtBackground,
) -> None:
    stop, ended = threading.Event(), threading.Event()

    def work() -> None:
        stop.wait(30)
        ended.set()

    background.closing.connect(stop.set)
    background.start(work, "until told")
    application = QCoreApplication.instance()
    assert application is not None
    application.aboutToQuit.emit()
    assert ended.is_set()
    assert background.is_closed
