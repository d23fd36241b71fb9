"""What dev.py decides before it hands over to the tools."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

import dev


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Record the commands instead of running them."""
    seen: list[list[str]] = []

    def record(*command: str | Path, env: dict[str, str] | None = None) -> int:
        seen.append([str(part) for part in command])
        return 0

    monkeypatch.setattr(dev, "run", record)
    return seen


def test_an_installation_is_repeated_only_when_its_inputs_changed(
    commands: list[list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    monkeypatch.setattr(dev, "CONSTRAINTS", tmp_path / "constraints.txt")
    monkeypatch.setattr(dev, "STAMP", tmp_path / "stamp")
    (tmp_path / "constraints.txt").write_text("torch==2.13.0\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    dev.install("auto")
    assert any("-e" in command for command in commands)
    commands.clear()
    dev.install("auto")
    assert commands == []
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    dev.install("auto")
    assert any("-e" in command for command in commands)


def test_a_local_torch_wheel_is_preferred_to_a_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "find_links", lambda: [tmp_path])
    command = [str(part) for part in dev.uv_install("cpu")]
    assert command[command.index("--torch-backend") + 1] == "cpu"
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    (tmp_path / f"torch-2.13.0+cpu-{tag}-{tag}-manylinux_2_28_x86_64.whl").touch()
    command = [str(part) for part in dev.uv_install("cpu")]
    assert "--torch-backend" not in command
    assert command[command.index("--find-links") + 1] == str(tmp_path)


@pytest.mark.parametrize(
    ("display", "given", "passed_on"),
    [
        (False, [], ["--no-viewer", "--out", "demo-out"]),
        (False, ["--no-viewer"], ["--no-viewer", "--out", "demo-out"]),
        (True, ["--out", "here"], ["--out", "here"]),
        (True, ["--out=here", "--no-viewer"], ["--out=here", "--no-viewer"]),
    ],
)
def test_the_demo_opens_a_window_only_where_there_is_a_screen(
    commands: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    display: bool,
    given: list[str],
    passed_on: list[str],
) -> None:
    monkeypatch.setattr(dev, "has_display", lambda: display)
    monkeypatch.setattr(dev, "provide_packages", lambda packages: None)
    assert dev.demo(given) == 0
    assert commands == [[str(dev.BIN / "napari-bayesseg"), "demo", *passed_on]]


def test_one_failed_step_fails_the_run_but_stops_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    steps = [[sys.executable, "-c", f"print('step', {code}); exit({code})"] for code in (0, 3, 0)]
    assert dev.run_steps(steps, dev.environment()) == 1
    printed = capfd.readouterr().out
    assert printed.count("step 0") >= 2
    assert "FAILED (3)" in printed
    assert dev.run_steps(steps[:1], dev.environment()) == 0


def test_steps_side_by_side_are_told_apart(capfd: pytest.CaptureFixture[str]) -> None:
    """Each waits until the other has begun: one after the other they would never end."""
    program = (
        "import sys, time, pathlib\n"
        "mine, other, code = sys.argv[1:]\n"
        "pathlib.Path(mine).touch()\n"
        "while not pathlib.Path(other).exists(): time.sleep(0.01)\n"
        "print('by', pathlib.Path(mine).name); sys.exit(int(code))"
    )
    with tempfile.TemporaryDirectory() as folder:
        first, second = f"{folder}/first", f"{folder}/second"
        steps = [
            [sys.executable, "-c", program, first, second, "0"],
            [sys.executable, "-c", program, second, first, "4"],
        ]
        assert dev.run_steps([], dev.environment(), steps) == 1
    printed = capfd.readouterr().out
    assert printed.index("by first") < printed.index("what was printed by")
    assert printed.index("what was printed by") < printed.index("by second")
    assert "FAILED (4)" in printed


def test_two_run_at_a_time_and_are_reported_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits until another has begun: one at a time they would never end."""
    pair, under_way, counts = threading.Barrier(2), [], []

    def call(command: list[str], **_: object) -> int:
        under_way.append(command)
        counts.append(len(under_way))
        pair.wait(10)
        time.sleep(0.05)  # for a third, if there were one
        under_way.remove(command)
        return 0

    monkeypatch.setattr(dev.subprocess, "call", call)
    names = ["one", "two", "three", "four"]
    report = dev.run_together([[name] for name in names], dev.environment())
    assert max(counts) == 2
    assert [(code, step) for code, _, step in report] == [(0, name) for name in names]


def test_every_test_is_run_by_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[list[str]] = []

    def record(_: object, env: dict[str, str], together: list[list[str]]) -> int:
        assert env["OMP_WAIT_POLICY"] == "PASSIVE"
        found.extend(together)
        return 0

    monkeypatch.setattr(dev, "virtual_screen", list)
    monkeypatch.setattr(dev, "run_steps", record)
    assert dev.test([], long=False) == 0
    others, *apart = found
    own = [command[-1] for command in apart]
    assert all((dev.ROOT / folder).is_dir() for folder in own)
    assert len(set(own)) == len(own)
    assert [part for part in others if part.startswith("--ignore")] == [
        f"--ignore={folder}" for folder in own
    ]


def test_bytecode_is_written_for_the_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    env = dev.environment(EXTRA="1")
    assert "PYTHONDONTWRITEBYTECODE" not in env
    assert env["PATH"].startswith(str(dev.BIN))
    assert env["EXTRA"] == "1"
