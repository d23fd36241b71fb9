"""The viewer as a person has it, timed from inside: ``python -m benchmarks.window FOLDER``.

Started by :mod:`benchmarks.viewer` in a process and on a screen of its own; prints one JSON line.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_bayesseg.gui.main_widget import MainWidget
from napari_bayesseg.inference.import_probabilities import import_probabilities

__all__ = ["Heartbeat", "many_regions"]

_PLUGIN = ("napari-bayesseg", "Segment and review")
_BEAT_MS = 5
_HANDLE_STEPS = 60
_KEY_PRESSES = 40
_DECISIONS = 300
_LIMIT_SECONDS = 180.0


class Heartbeat:
    """How late a timer of the window's thread fires: what a click or a key would wait."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self._last = 0.0
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_BEAT_MS)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        """Begin to listen."""
        self._last = time.perf_counter()
        self._timer.start()

    def stop(self) -> list[float]:
        """Return all delays in milliseconds."""
        self._timer.stop()
        return self.delays

    def _beat(self) -> None:
        now = time.perf_counter()
        self.delays.append(max(0.0, 1e3 * (now - self._last) - _BEAT_MS))
        self._last = now


def wait_for(condition: Callable[[], bool]) -> None:
    """Let the window live until a condition holds.

    Raises
    ------
    TimeoutError
        After three minutes.
    """
    limit = time.perf_counter() + _LIMIT_SECONDS
    while not condition():
        if time.perf_counter() > limit:
            raise TimeoutError("the viewer did not get where it should")
        live(20)


def live(milliseconds: int) -> None:
    """Let the window live as an application does: asleep until something happens.

    ``QTest.qWait`` won't do: the drawing library replaces it by a loop that never sleeps.
    """
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def open_viewer() -> tuple[napari.Viewer, MainWidget]:
    """Open a window of 1280 x 800 with the widget in its dock."""
    viewer = napari.Viewer()
    viewer.window.resize(1280, 800)
    _, widget = viewer.window.add_plugin_dock_widget(*_PLUGIN)
    return viewer, widget


def time_a_run(viewer: napari.Viewer, widget: MainWidget) -> dict[str, Any]:
    """Press Run on the sample and scroll through the slices until it is finished."""
    viewer.open_sample("napari-bayesseg", "electrode")
    tab, prediction = widget.predict_tab, widget.session.prediction
    answers: list[object] = []
    prediction.estimate_ready.connect(answers.append)
    wait_for(lambda: bool(answers))
    heartbeat = Heartbeat()
    written: list[float] = []
    prediction.block_written.connect(lambda _: written.append(time.perf_counter()))

    started = time.perf_counter()
    heartbeat.start()
    tab.run()
    wait_for(lambda: bool(written))
    wait_for(lambda: widget.layers.heat_map("mutual_information") is not None)
    live(0)  # behind the drawing, which is queued
    first = time.perf_counter() - started
    scroller = QTimer()
    scroller.setInterval(100)
    scroller.timeout.connect(lambda: _scroll(viewer))
    scroller.start()
    wait_for(lambda: prediction.state == "idle")
    scroller.stop()
    delays = heartbeat.stop()
    wait_for(lambda: widget.session.desk is not None)
    return {"first_block_seconds": first, "delays_ms": delays}


def _scroll(viewer: napari.Viewer) -> None:
    step, last = viewer.dims.current_step[0], int(viewer.dims.nsteps[0]) - 1
    viewer.dims.set_current_step(0, 0 if step >= last else step + 1)


def time_a_handle(widget: MainWidget) -> list[float]:
    """Move the lower handle step by step; return the work of each step in milliseconds.

    Everything that a step calls is counted: numbers, line, contrast limits of the map. Drawing
    happens later, in the graphics card where there is one.
    """
    widget.tabs.setCurrentIndex(2)
    live(500)
    slider = widget.review_tab.panel.thresholds.slider
    lower, upper = slider.value()
    work = []
    for position in np.linspace(lower, upper, _HANDLE_STEPS)[1:-1]:
        started = time.perf_counter()
        slider.setValue((float(position), upper))
        work.append(1e3 * (time.perf_counter() - started))
        QApplication.processEvents()
    slider.setValue((lower, upper))
    wait_for(lambda: not widget.session.desk.is_busy)
    live(500)
    return work


def many_regions(folder: Path) -> Path:
    """Make a result with more than 3,000 regions: small uncertain balls on a grid."""
    shape = (112, 336, 336)
    z, y, x = np.indices(shape)
    distance = np.sqrt(sum(((axis % 16) - 8.0) ** 2 for axis in (z % 14 + 1, y, x)))
    rng = np.random.default_rng(0)
    height = rng.uniform(0.25, 0.45, (8, 21, 21)).repeat(14, 0).repeat(16, 1).repeat(16, 2)
    doubt = (height * np.exp(-((distance / 3.0) ** 2))).astype(np.float32)
    files = []
    for member, sign in enumerate((-1.0, 1.0)):
        foreground = 0.5 + 0.45 * np.tanh((y - 168.0) / 40.0) * (1 - doubt) + sign * doubt / 2
        first = np.clip(foreground, 0.001, 0.999).astype(np.float32)
        files.append(folder / f"member_{member}.npy")
        np.save(files[-1], np.stack([1 - first, first]))
    out = folder / "many.zarr"
    import_probabilities(files, out, measures=("mutual_information", "expected_error"))
    return out


def time_keys(viewer: napari.Viewer, widget: MainWidget, result: Path) -> dict[str, Any]:
    """Press N, then J, again and again in a review of 3,000 regions.

    Returns milliseconds from the key to the window at rest with the next region drawn, and how
    many regions there were.
    """
    widget.show_result(result)
    wait_for(lambda: widget.session.desk is not None and widget.session.desk.result.path == result)
    desk = widget.session.desk
    lower, upper = desk.source.bounds
    desk.release(lower + 0.1 * (upper - lower), lower + 0.8 * (upper - lower))
    wait_for(lambda: not desk.is_busy)
    live(1000)
    canvas = _canvas(viewer)
    canvas.setFocus()
    found: dict[str, Any] = {"regions": len(desk.table.regions)}
    for name, key in (("next", Qt.Key.Key_N), ("accept", Qt.Key.Key_J)):
        times = []
        for _ in range(_KEY_PRESSES):
            before = desk.current.id
            started = time.perf_counter()
            QTest.keyClick(canvas, key)
            QApplication.processEvents()
            times.append(1e3 * (time.perf_counter() - started))
            if desk.current.id == before:
                raise RuntimeError(f"the key {name} led nowhere")
            live(20)
        found[name] = times
    return found


def decide_on_and_on(viewer: napari.Viewer, widget: MainWidget) -> dict[str, Any]:
    """Decide 300 regions by keys, as fast as they come: accept, reject, defer.

    Returns milliseconds from the key to the window at rest with the next region drawn, how late
    the window answered meanwhile, and how many decisions were saved.
    """
    desk, canvas = widget.session.desk, _canvas(viewer)
    keys = (Qt.Key.Key_J, Qt.Key.Key_J, Qt.Key.Key_K, Qt.Key.Key_J, Qt.Key.Key_U)
    heartbeat = Heartbeat()
    heartbeat.start()
    times, before = [], len(desk.review.history.applied)
    for number in range(_DECISIONS):
        started = time.perf_counter()
        QTest.keyClick(canvas, keys[number % len(keys)])
        QApplication.processEvents()
        times.append(1e3 * (time.perf_counter() - started))
        live(20)
    saved = len(desk.review.history.applied) - before
    return {"ms": times, "delays_ms": heartbeat.stop(), "saved": saved}


def _canvas(viewer: napari.Viewer) -> QWidget:
    """Return the widget that napari draws on and that receives its keys."""
    window = next(w for w in QApplication.topLevelWidgets() if w.isVisible() and w.isWindow())
    return next(w for w in window.findChildren(QWidget) if "Canvas" in type(w).__name__)


def main() -> None:
    """Measure everything and print it."""
    folder = Path(sys.argv[1])
    viewer, widget = open_viewer()
    found: dict[str, Any] = {"run": time_a_run(viewer, widget)}
    found["handle_ms"] = time_a_handle(widget)
    found["keys"] = time_keys(viewer, widget, many_regions(folder))
    found["decisions"] = decide_on_and_on(viewer, widget)
    viewer.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
