"""The way through the plugin, by mouse and keys on a virtual screen; with pictures.

``python -m benchmarks.tour FOLDER`` writes the pictures of the documentation.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.camera import FRAME_SECONDS, Camera
from benchmarks.rows import Goal, Row, at_least, skipped
from benchmarks.screen import Screen, missing_programs
from benchmarks.tour_pages import evaluate, learn, train
from napari_bayesseg.io.result_store import is_result_store

__all__ = ["run", "take"]

_TABLE = "by mouse and keys on a window of 1280 x 800"
_DECISIONS = 30
_UNDONE = 10


def run(quick: bool) -> list[Row]:
    """Go the whole way once."""
    missing = missing_programs()
    if missing:
        return [skipped(f"needs {' and '.join(missing)}: apt-get install xvfb xdotool")]
    return take(Camera(None))


def take(camera: Camera) -> list[Row]:
    """Go all the way.

    Open, run, cancel, resume, slide, decide, undo, paint, evaluate, train, learn, save, kill, open
    again.
    """
    with tempfile.TemporaryDirectory(prefix="bayesseg-tour-") as home:
        with Screen(Path(home)) as screen:
            screen.start()
            _open_sample(screen)
            _predict(screen, camera)
            seconds = _review(screen, camera)
            evaluated = evaluate(screen, camera)
            trained, learnt = train(screen, camera), learn(screen, camera)
            saved = _save(screen, Path(home))
            before = screen.state()["desk"]
            screen.kill()
            screen.start()
            after = _open_again(screen, Path(home))
            camera.picture(screen, "reopened")
        camera.write("tour")
    decided = len(before["decided"])
    same = {key: int(before[key] == after[key]) for key in ("mask", "current", "step", "decided")}
    return [
        _row("decisions by keys", _DECISIONS, at_least(30)),
        _row("seconds a decision, by a script", seconds),
        _row("places decided after undoing ten and painting one", decided, at_least(20)),
        _row("evaluated: mean Dice of the classes besides background", evaluated, at_least(0.5)),
        _row("trained for a while, then cancelled (1: yes)", int(trained), at_least(1)),
        _row("learnt for a while, then stopped (1: yes)", int(learnt), at_least(1)),
        _row("mask saved", int(saved), at_least(1)),
        *(
            _row(f"after kill -9 and opening again: same {key} (1: yes)", value, at_least(1))
            for key, value in same.items()
        ),
    ]


def _row(name: str, value: float, goal: Goal | None = None) -> Row:
    return Row.of(_TABLE, name, "sample", value=value, goal=goal)


def _open_sample(screen: Screen) -> None:
    screen.click("menu File")
    screen.click("menu Open Sample")
    screen.click("menu Battery electrode")
    screen.wait(lambda state: len(state["layers"]) == 2)
    _open_dock(screen)


def _open_dock(screen: Screen) -> None:
    screen.click("menu Layers")
    screen.click("menu Segment")
    screen.click("menu Segment and review")
    screen.wait(lambda state: "prediction" in state)


def _predict(screen: Screen, camera: Camera) -> None:
    time.sleep(3.0)  # the estimate
    camera.frame(screen, 1.5)
    screen.click("button Run")
    screen.wait(lambda state: state["prediction"] == "running")
    for _ in range(40):
        camera.frame(screen)
        time.sleep(FRAME_SECONDS)
    camera.picture(screen, "predict")
    screen.click("button Cancel")
    screen.wait(lambda state: state["prediction"] == "idle")
    time.sleep(1.5)
    camera.frame(screen, 1.0)
    screen.click("button Resume")
    while "desk" not in screen.state():
        camera.frame(screen)
        time.sleep(2 * FRAME_SECONDS)
    time.sleep(1.5)


def _review(screen: Screen, camera: Camera) -> float:
    screen.click("tab Review")
    time.sleep(1.5)
    camera.picture(screen, "review")
    camera.frame(screen, 1.5)
    _slide(screen, camera)
    screen.click("canvas", (0.5, 0.98))  # the keys' focus
    started = time.monotonic()
    for number in range(_DECISIONS):
        done = screen.state()["desk"]["steps"]
        screen.press("jjkju"[number % 5])
        screen.wait(lambda state, done=done: state["desk"]["steps"] == done + 1)
        camera.frame(screen, 0.25)
    seconds = (time.monotonic() - started) / _DECISIONS
    for _ in range(_UNDONE):
        done = screen.state()["desk"]["steps"]
        screen.press("ctrl+z")
        screen.wait(lambda state, done=done: state["desk"]["steps"] == done - 1)
    camera.frame(screen, 0.8)
    screen.press("n")
    screen.press("w")
    screen.wait(lambda state: state["desk"]["editing"])
    done = screen.state()["desk"]["steps"]
    line = [(0.46 + 0.01 * step, 0.5) for step in range(9)]
    screen.drag("canvas", line, lambda: camera.frame(screen))
    screen.wait(lambda state: state["desk"]["steps"] > done)
    camera.frame(screen, 1.0)
    camera.picture(screen, "edit")
    screen.press("w")
    screen.wait(lambda state: not state["desk"]["editing"])
    return seconds


def _slide(screen: Screen, camera: Camera) -> None:
    """Move the lower handle to the right and back, where it is on the slider."""
    thresholds = screen.state()["desk"]["thresholds"]
    x, _, width, _ = screen.place("range")
    left = (screen.place("handle lower")[0] - x) / width
    path = [(left + 0.006 * step, 0.5) for step in range(11)]
    screen.drag("range", [*path, *reversed(path[3:])], lambda: camera.frame(screen))
    screen.wait(lambda state: not state["desk"]["busy"])
    if screen.state()["desk"]["thresholds"] == thresholds:
        raise RuntimeError("the handle did not move")
    time.sleep(0.5)
    camera.frame(screen, 0.8)


def _save(screen: Screen, home: Path) -> bool:
    screen.click("tab Files")
    time.sleep(0.5)
    screen.click("button Save mask")
    time.sleep(1.5)
    out = home / "mask.ome.tif"
    screen.press("ctrl+a")
    screen.type(str(out))
    screen.press("Return")
    limit = time.monotonic() + 30
    while not out.exists() and time.monotonic() < limit:
        time.sleep(0.1)
    return out.exists()


def _open_again(screen: Screen, home: Path) -> dict[str, Any]:
    (result,) = filter(is_result_store, home.rglob("*.zarr"))
    _open_dock(screen)
    screen.click("button Open a result")
    time.sleep(1.5)
    screen.press("ctrl+a")
    screen.type(str(result))
    screen.press("Return")
    screen.wait(lambda state: "desk" in state and not state["desk"]["busy"])
    time.sleep(2.0)
    after: dict[str, Any] = screen.state()["desk"]
    return after


if __name__ == "__main__":
    for row in take(Camera(Path(sys.argv[1]))):
        print(row)
