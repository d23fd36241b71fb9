from __future__ import annotations

import io
import json
import math

import pytest

from napari_bayesseg.cli.output import progress_bar, run_hooks, write_json
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.estimate import RunEstimate
from napari_bayesseg.inference.plan import Block
from napari_bayesseg.inference.serial_runner import RunProgress


def strict(text: str) -> object:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_json_is_strict(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"nan": math.nan, "many": (1.5, -math.inf, {"deep": [math.inf]}), "text": "µm"})
    read = strict(capsys.readouterr().out)
    assert read == {"nan": None, "many": [1.5, None, {"deep": [None]}], "text": "µm"}


def test_a_bar_that_is_never_moved_is_never_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("work"):
        pass
    with pytest.raises(ZeroDivisionError), progress_bar("work"):
        raise ZeroDivisionError
    assert capsys.readouterr() == ("", "")


def test_a_bar_shows_how_far_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("work") as update:
        update(0.25, "a quarter")
    out, err = capsys.readouterr()
    assert out == ""
    assert "25 %" in err
    assert "a quarter" in err


def test_a_run_tells_its_estimate_and_its_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with run_hooks("predict") as hooks:
        hooks.estimated(RunEstimate(100.0, 2 * 10**9, 5 * 10**6))
        first = capsys.readouterr().err
        hooks.progress(RunProgress(1, 4, 8, 16, 1.0))
    assert first == "predict: about 2 min, 2.0 GB of memory, at most 5 MB of disk\n"
    # One block and a half of four.
    assert "38 %  block 2 of 4, draw 8 of 16" in capsys.readouterr().err
    with run_hooks("predict") as hooks:
        block = Block(0, Roi((0, 0, 0), (1, 1, 1)))
        hooks.progress(RunProgress(3, 4, 16, 16, 1.0, block))
    assert "75 %  block 3 of 4, draw 16 of 16" in capsys.readouterr().err


def test_standard_output_is_free_while_a_bar_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a terminal too, where the bar would else swallow what is written meanwhile."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, pipe = Terminal(), io.StringIO()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("sys.stdout", pipe)
    with progress_bar("work") as update:
        update(0.5, "half")
        write_json({"a": 1})
    assert strict(pipe.getvalue()) == {"a": 1}
    assert "half" in terminal.getvalue()
