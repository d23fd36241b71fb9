from __future__ import annotations

from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QObject

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.gui import look_ahead
from napari_bayesseg.gui.look_ahead import LookAhead
from napari_bayesseg.session.background import ThreadBackground

TIMEOUT = 10


class Form(QObject):
    """A line that somebody types, and what is found out about it."""

    def __init__(self, background: ThreadBackground) -> None:
        super().__init__()
        self.line = ""
        self.found: list[int] = []
        self.refused: list[str] = []
        self.read: list[str] = []
        self.look = LookAhead(
            background,
            "count letters",
            read=self._read,
            found=self.found.append,
            refused=self.refused.append,
            parent=self,
        )

    def _read(self) -> Callable[[], int] | None:
        self.read.append(line := self.line)
        if line == "?":
            raise SettingsError("a question has no letters")
        return None if line == "busy" else lambda: 1 // bool(line) * len(line)


@pytest.fixture
def form(monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> Form:
    monkeypatch.setattr(look_ahead, "_DEBOUNCE_MS", 20)
    return Form(ThreadBackground())


def rest(form: Form, qtbot: QtBot, num_read: int) -> None:
    qtbot.waitUntil(lambda: len(form.read) == num_read, timeout=1000 * TIMEOUT)
    background = form.look._slot._background
    assert isinstance(background, ThreadBackground)
    assert background.drain(TIMEOUT)


def test_it_looks_once_the_form_has_come_to_rest(form: Form, qtbot: QtBot) -> None:
    for line in ("a", "ab", "abc"):
        form.line = line
        form.look.ask()
    assert form.read == []
    rest(form, qtbot, 1)
    assert (form.read, form.found, form.refused) == (["abc"], [3], [])


def test_only_the_newest_is_told(form: Form, qtbot: QtBot) -> None:
    form.line = "a"
    form.look.ask()
    qtbot.waitUntil(lambda: form.read == ["a"], timeout=1000 * TIMEOUT)
    form.line = "ab"
    form.look.ask()
    rest(form, qtbot, 2)
    assert form.found == [2]


@pytest.mark.parametrize(
    ("line", "reason"), [("?", "a question has no letters"), ("", "a fault of the program")]
)
def test_why_nothing_is_found_is_told(form: Form, qtbot: QtBot, line: str, reason: str) -> None:
    form.line = line
    form.look.ask()
    rest(form, qtbot, 1)
    assert form.found == []
    assert reason in form.refused[0]


def test_nothing_is_found_out_where_nothing_is_to_be(form: Form, qtbot: QtBot) -> None:
    form.line = "busy"
    form.look.ask()
    rest(form, qtbot, 1)
    assert form.found == form.refused == []


def test_it_stops(form: Form, qtbot: QtBot) -> None:
    form.look.ask()
    form.look.stop()
    qtbot.wait(60)
    assert form.read == []
    form.line = "a"
    form.look.close()
    form.look.ask()
    rest(form, qtbot, 1)
    assert form.found == []
