from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import napari
import pytest
from pytestqt.qtbot import QtBot

from tests.gui.predict_window import PredictWindow, noise, open_predict_window
from tests.models import write_model


@pytest.fixture(scope="session")
def exempted() -> set[str]:
    """Modules that garbage collections no longer look through."""
    return set()


@pytest.fixture
def make_napari_viewer(
    make_napari_viewer: Callable[..., napari.Viewer], exempted: set[str]
) -> Callable[..., napari.Viewer]:
    """napari's own; what was loaded before is looked through by no garbage collection.

    napari collects garbage whenever a layer goes. With all the libraries in memory each time
    takes half a second, which was half the time of these tests. No viewer is open at this
    moment, so that none is exempted: what tests make goes as it does for a person.
    """
    if not exempted.issuperset(sys.modules):
        exempted.update(sys.modules)
        gc.collect()
        gc.freeze()
    return make_napari_viewer


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture
def predict_window(
    make_napari_viewer: Callable[..., napari.Viewer],
    qtbot: QtBot,
    small_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[PredictWindow]:
    """The widget in a window with one scan, ready to run."""
    monkeypatch.setattr("napari_bayesseg.gui.look_ahead._DEBOUNCE_MS", 20)
    viewer = make_napari_viewer(show=True)
    viewer.add_image(noise(), name="scan", scale=(2.0, 0.5, 0.5), units=("um",) * 3)
    window = open_predict_window(viewer, qtbot, small_model, tmp_path / "scan.zarr")
    yield window
    window.close()
