from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import napari
import pytest
import torch
from pytestqt.qtbot import QtBot

from napari_bayesseg.session import training_worker
from tests.gui.train_window import TrainWindow, add_scan, open_train_window


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's model folder."""
    folder = tmp_path / "models"
    for place in ("networks.model_folders", "gui.train.place", "gui.train.look"):
        monkeypatch.setattr(f"napari_bayesseg.{place}.local_models_folder", lambda: folder)
    return folder


@pytest.fixture
def train_window(
    make_napari_viewer: Callable[..., napari.Viewer],
    qtbot: QtBot,
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[TrainWindow]:
    """The widget in a window with one scan and its labels, ready to train a tiny network."""
    monkeypatch.setattr("napari_bayesseg.gui.look_ahead._DEBOUNCE_MS", 20)
    monkeypatch.setattr(training_worker, "lower_priority", lambda: None)
    import_module("napari_bayesseg.training.train")  # what it loads takes long in a thread
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    viewer = make_napari_viewer(show=True)
    add_scan(viewer)
    window = open_train_window(viewer, qtbot, models)
    yield window
    window.close()
    torch.set_num_threads(threads)
