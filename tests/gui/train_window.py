"""A window with the plugin's widget and small scans to train a tiny network on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari.layers import Image, Labels
from pytestqt.qtbot import QtBot

from napari_bayesseg.gui.main_widget import MainWidget
from napari_bayesseg.gui.train.tab import TrainTab
from napari_bayesseg.session.training import TrainingOutcome
from tests.gui.predict_window import dock
from tests.training.cases import tiny_case

TIMEOUT_MS = 90_000  # the first training of a process loads its libraries
PLACE: dict[str, Any] = {"scale": (2.0, 0.5, 0.5), "units": ("um",) * 3}
TINY = {
    "steps": 8,
    "device": "cpu",
    "channels": "4, 8",
    "patch_shape": "8, 8, 8",
    "batch_size": 2,
    "validate_every": 2,
}


def add_scan(viewer: napari.Viewer, name: str = "scan", seed: int = 0) -> tuple[Image, Labels]:
    """Add a scan of a bright slab, and all its labels."""
    case = tiny_case(seed=seed)
    scan = viewer.add_image(100 + 10 * case.image, name=name, **PLACE)
    labels = viewer.add_labels(np.array(case.labels, np.uint8), name=f"{name} truth", **PLACE)
    return scan, labels


def scribble(truth: np.ndarray) -> np.ndarray:
    """Paint one column of each class, as 1 and 2."""
    painted = np.zeros_like(truth)
    painted[4, :, 3] = truth[4, :, 3] + 1
    return painted


@dataclass
class TrainWindow:
    viewer: napari.Viewer
    widget: MainWidget
    qtbot: QtBot
    models: Path
    outcomes: list[TrainingOutcome] = field(default_factory=list)

    @property
    def tab(self) -> TrainTab:
        return self.widget.train_tab

    def close(self) -> None:
        self.widget.close_session()

    def wait(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=TIMEOUT_MS)

    def wait_for_offer(self) -> str:
        """Wait until a click would train; return what the button says."""
        self.wait(lambda: self.tab.looked is not None and self.tab.run_box.train.isEnabled())
        return self.tab.run_box.train.text()

    def wait_for_reason(self, said: str) -> None:
        """Wait until it is said why nothing can be trained."""
        self.wait(lambda: said in self.tab.run_box.reason.text())
        assert not self.tab.run_box.train.isEnabled()

    def take_tiny_settings(self, **changes: object) -> None:
        for name, value in {**TINY, **changes}.items():
            self.tab.form.settings.editor(name).value = value

    def start(self) -> None:
        self.wait_for_offer()
        self.outcomes.clear()
        self.tab.run_box.train.click()
        assert self.widget.session.training.is_running

    def wait_for_end(self) -> TrainingOutcome:
        self.wait(lambda: self.outcomes)
        return self.outcomes[-1]

    def train(self) -> TrainingOutcome:
        """Click the button and wait until the training has ended."""
        self.start()
        return self.wait_for_end()


def open_train_window(viewer: napari.Viewer, qtbot: QtBot, models: Path) -> TrainWindow:
    """Dock a widget with the train tab in front, set to train a tiny network."""
    widget = dock(viewer)
    window = TrainWindow(viewer, widget, qtbot, models)
    widget.session.training.ended.connect(window.outcomes.append)
    widget.tabs.setCurrentIndex(1)
    window.take_tiny_settings()
    return window
