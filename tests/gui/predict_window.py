"""A window with the plugin's widget, a small scan and a small model, and a hold on its threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import napari
import numpy as np
from pytestqt.qtbot import QtBot

from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.gui.main_widget import MainWidget
from napari_bayesseg.gui.predict.tab import PredictTab
from napari_bayesseg.gui.window import DOCK_NAME
from napari_bayesseg.io.lazy import BlockArray
from napari_bayesseg.session.prediction import Outcome

SHAPE = (16, 32, 32)
SETTINGS = InferenceSettings(
    num_samples=2, block_shape=(8, 16, 16), measures=("mutual_information", "expected_error")
)
NUM_BLOCKS = 8
REVIEW = 2
"""The tab."""
TIMEOUT_MS = 90_000  # the first run of a process loads its libraries


def noise(shape: tuple[int, ...] = SHAPE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(100.0, 10.0, shape).astype(np.float32)


class GatedArray(BlockArray):
    """Hands out so many boxes to other threads, and then none until the gate is opened."""

    def __init__(self, values: np.ndarray, free: int) -> None:
        super().__init__(values.shape, values.dtype)
        self.values = values
        self.free = free
        self.gate = threading.Event()
        self.is_waiting = threading.Event()

    def _read_box(self, start: tuple[int, ...], stop: tuple[int, ...]) -> np.ndarray:
        if threading.current_thread() is not threading.main_thread():
            self.free -= 1
            if self.free < 0:
                self.is_waiting.set()
                assert self.gate.wait(30)
        return self.values[tuple(map(slice, start, stop))]


@dataclass
class PredictWindow:
    viewer: napari.Viewer
    widget: MainWidget
    qtbot: QtBot
    out: Path
    outcomes: list[Outcome] = field(default_factory=list)
    gates: list[GatedArray] = field(default_factory=list)

    @property
    def tab(self) -> PredictTab:
        return self.widget.predict_tab

    def use_gate(self, blocks: int) -> GatedArray:
        """Put in a scan that is read for so many blocks, and not on before its gate is opened."""
        gated = GatedArray(noise(), free=1 + blocks)
        self.gates.append(gated)
        layer = self.viewer.add_image(gated, name="gated", contrast_limits=(50.0, 150.0))
        self.tab.form.scan.choose(layer)
        return gated

    def close(self) -> None:
        for gated in self.gates:
            gated.gate.set()
        self.widget.close_session()

    def wait(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=TIMEOUT_MS)

    def wait_for_offer(self) -> str:
        """Wait until it is known what the button would do; return what it says."""
        self.wait(lambda: self.tab.target is not None and self.tab.run_box.run.isEnabled())
        return self.tab.run_box.run.text()

    def run(self) -> Outcome:
        """Click the button and wait until the run has ended."""
        self.start()
        return self.wait_for_end()

    def start(self) -> None:
        self.wait_for_offer()
        self.outcomes.clear()
        self.tab.run_box.run.click()
        assert self.widget.session.prediction.is_running

    def wait_for_end(self) -> Outcome:
        self.wait(lambda: self.outcomes and not self.widget.layers.is_adding)
        return self.outcomes[-1]


def dock(viewer: napari.Viewer) -> MainWidget:
    widget = MainWidget(viewer)
    viewer.window.add_dock_widget(widget, name=DOCK_NAME, area="right")
    return widget


def open_predict_window(
    viewer: napari.Viewer, qtbot: QtBot, model: Path, out: Path
) -> PredictWindow:
    """Dock a widget that is set to predict with a small model, two draws and eight blocks."""
    widget = dock(viewer)
    window = PredictWindow(viewer, widget, qtbot, out)
    widget.session.prediction.ended.connect(window.outcomes.append)
    form = widget.predict_tab.form
    form.model.add_folder(model)
    form.settings.set_settings(SETTINGS)
    form.out.set_path(out)
    return window
