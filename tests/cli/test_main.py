from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from napari_bayesseg import __version__
from napari_bayesseg.cli import commands
from napari_bayesseg.cli.commands import COMMANDS
from napari_bayesseg.cli.main import main
from napari_bayesseg.core.errors import BayesSegWarning, StoreError
from tests.cli.conftest import Run


def replace(monkeypatch: pytest.MonkeyPatch, act: object) -> None:
    """Let the command `models` do something else."""

    def command() -> None:
        if isinstance(act, BaseException):
            raise act
        assert callable(act)
        act()

    monkeypatch.setitem(commands.COMMANDS, "models", command)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands_in_their_order(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    rows = [line.split()[1] for line in out.splitlines() if line.startswith("│ ")]
    assert [row for row in rows if row in COMMANDS] == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_is_plain(name: str, run: Run) -> None:
    code, out, err = run(name, "--help")
    assert (code, err) == (0, "")
    assert f"napari-bayesseg {name}" in out
    assert "--json" in out
    for ugly in ("--no-json", "default: False", 'default: ""', "default: None", ":func:", "``"):
        assert ugly not in out
    # No paragraph keeps the line breaks of its docstring.
    prose = out.split("╭")[0].split("\n\n", 1)[1].splitlines()
    assert not any(0 < len(line) < 40 and after for line, after in itertools.pairwise(prose))


def test_help_names_units_and_defaults(run: Run) -> None:
    texts = {name: " ".join(run(name, "--help").out.replace("│", " ").split()) for name in COMMANDS}
    for text in ("[default: 16]", "[default: 0]", "[default: 4GB]", "default the whole scan"):
        assert text in texts["predict"]
    for text in ("nat, probability, share", "scan's unit cubed", "default 32 voxels"):
        assert text in texts["regions"]
    assert "steps; default 1500" in texts["train"]
    assert "learning_rate" in texts["train"]


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"{__version__}\n", "")


def test_a_bug_shows_its_traceback_and_exits_with_1(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(monkeypatch, ZeroDivisionError("ours"))
    code, out, err = run("models")
    assert (code, out) == (1, "")
    assert "Traceback" in err
    assert err.endswith("this is a bug in napari-bayesseg: please report the lines above\n")


def test_an_error_of_several_lines_is_told_in_one(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(monkeypatch, StoreError("first\n   second\n\nthird"))
    assert run("models") == (2, "", "error: first second third\n")


def test_an_interrupt_exits_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    replace(monkeypatch, KeyboardInterrupt())
    code, out, err = run("models")
    assert (code, out) == (130, "")
    assert err == "stopped; the same command continues where it was\n"


def test_only_our_warnings_are_shown_each_in_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def act() -> None:
        warnings.warn("somebody else's", RuntimeWarning, stacklevel=1)
        for _ in range(2):
            warnings.warn("one\ntwo", BayesSegWarning, stacklevel=1)

    replace(monkeypatch, act)
    assert run("models") == (0, "", "warning: one two\n" * 2)


@pytest.mark.skipif(os.name == "nt", reason="pipes are other things on Windows")
def test_a_reader_that_has_left_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``napari-bayesseg models | head -1``"""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        assert main(["models"]) == 0
    assert capsys.readouterr().err == ""


def test_standard_output_holds_json_alone_and_progress_goes_elsewhere(
    places: dict[str, Path], tmp_path: Path
) -> None:
    """The real thing: a process of its own, in a folder of its own, in plain ASCII."""
    command = ["predict", "scan.ome.tif", "--model", "bcnn", "--num-samples", "2", "--json"]
    finished = subprocess.run(
        [sys.executable, "-m", "napari_bayesseg.cli.main", *command, "--out", tmp_path / "ü.zarr"],
        cwd=places["root"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    entry = json.loads(finished.stdout)
    assert entry["result"] == str(tmp_path / "ü.zarr")
    assert entry["shape"] == [8, 16, 16]
    assert entry["spacing"] == [2.0, 0.5, 0.5]
    assert b"of memory" in finished.stderr
    assert b"100 %" in finished.stderr
