"""A real window: what only napari itself can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import napari
import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication

from napari_bayesseg.core.errors import FormatError, SettingsError
from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.gui import window
from napari_bayesseg.gui.main_widget import MainWidget
from napari_bayesseg.io.sample_data import ELECTRODE_CT, sample_folder
from napari_bayesseg.io.writers import write_volume
from tests.results import write_result

pytestmark = pytest.mark.viewer


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., napari.Viewer]) -> napari.Viewer:
    return make_napari_viewer(show=True)


def shown_colours(viewer: napari.Viewer) -> int:
    """Count the different pixels on the canvas; a blank one has one."""
    QApplication.processEvents()
    picture = viewer.screenshot(canvas_only=True)
    return len(np.unique(picture.reshape(-1, picture.shape[-1]), axis=0))


def test_the_menus_sample_opens_and_is_drawn(viewer: napari.Viewer) -> None:
    blank = shown_colours(viewer)
    scan, labels = viewer.open_sample("napari-bayesseg", "electrode")
    assert (scan._type_string, labels._type_string) == ("image", "labels")
    assert [str(unit) for unit in scan.units] == ["micrometer"] * 3
    assert viewer.dims.axis_labels == ("z", "y", "x")
    assert list(labels.features["class"]) == ["pore", "particle", "binder"]
    assert shown_colours(viewer) > blank + 20


@pytest.fixture
def widget(
    viewer: napari.Viewer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], MainWidget]]:
    """The widget that the command line has docked, once it waits for the window to close."""
    waited: list[MainWidget] = []
    monkeypatch.setattr(napari, "Viewer", lambda title: viewer)
    monkeypatch.setattr(
        napari, "run", lambda: waited.append(viewer.window.dock_widgets[window.DOCK_NAME])
    )
    yield lambda: waited[0]
    waited[0].close_session()


def test_the_command_lines_window_shows_a_scan_ready_to_predict(
    viewer: napari.Viewer, widget: Callable[[], MainWidget]
) -> None:
    window.show(sample_folder() / ELECTRODE_CT)
    assert [layer.name for layer in viewer.layers] == ["electrode_ct"]
    assert widget().predict_tab.form.scan_layer is viewer.layers[0]


def test_the_command_lines_window_shows_a_result_with_its_review(
    viewer: napari.Viewer, widget: Callable[[], MainWidget], tmp_path: Path, qtbot: QtBot
) -> None:
    path, mask = tmp_path / "r.zarr", tmp_path / "mask.tif"
    shape = (4, 8, 8)
    probability = np.random.default_rng(0).dirichlet((1, 1), shape).transpose(3, 0, 1, 2)
    write_result(path, probability, {"expected_error": 1 - probability.max(0)})
    write_volume(mask, np.ones(shape, np.uint8), Geometry.from_spacing(), name="mask")
    window.show(path, start=mask)
    session = widget().session
    qtbot.waitUntil(lambda: session.desk is not None, timeout=20_000)
    assert session.desk is not None
    assert session.desk.review.has_start
    assert (session.desk.review.labels() == 1).all()
    assert widget().layers.heat_map("expected_error") in viewer.layers


def test_no_window_opens_for_what_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(napari, "Viewer", pytest.fail)
    with pytest.raises(FormatError, match=r"gone\.tif"):
        window.show(tmp_path / "gone.tif")
    scan = sample_folder() / ELECTRODE_CT
    with pytest.raises(SettingsError, match="no result"):
        window.show(scan, start=scan)
