from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_bayesseg.cli import view, viewer
from tests.cli.conftest import Run


def test_without_a_display_it_says_what_to_use_instead(
    run: Run, monkeypatch: pytest.MonkeyPatch, places: dict[str, Path]
) -> None:
    monkeypatch.setattr(viewer, "has_display", lambda: False)
    code, out, err = run("view", places["result"])
    assert (code, out) == (2, "")
    assert "no display" in err
    assert "Traceback" not in err


def test_without_qt_it_says_how_to_install_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, places: dict[str, Path]
) -> None:
    monkeypatch.setattr(viewer, "has_display", lambda: True)
    monkeypatch.setattr(viewer, "qt_binding", lambda: None)
    code, _, err = run("view", places["result"])
    assert code == 2
    assert 'pip install "napari-bayesseg[gui]"' in err


def test_the_window_gets_the_result_and_the_starting_mask(
    run: Run, monkeypatch: pytest.MonkeyPatch, places: dict[str, Path]
) -> None:
    shown: list[tuple[Path, Any]] = []
    monkeypatch.setattr(view, "check_can_show", lambda: None)
    monkeypatch.setattr(view, "show", lambda path, *, start: shown.append((path, start)))
    assert run("view", places["result"]).code == 0
    assert run("view", places["result"], "--start", places["scan"]).code == 0
    assert shown == [(places["result"], None), (places["result"], places["scan"])]
