"""The widget in its dock: how it comes, and how it goes whatever is under way."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import napari
import npe2
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.gui.main_widget import MainWidget
from napari_bayesseg.gui.window import DOCK_NAME
from napari_bayesseg.inference.result import load_result
from napari_bayesseg.io.writers import write_volume
from tests.gui.predict_window import REVIEW, SHAPE, PredictWindow, dock, noise
from tests.results import write_result

pytestmark = pytest.mark.viewer


def our_threads() -> list[str]:
    names = ("prediction", "estimate", "look at result", "open result", "read scan")
    names += ("training", "look at training data", "count labels")
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(names)]


def test_the_menu_has_it() -> None:
    manager = npe2.PluginManager.instance()
    manager.discover()
    manifest = manager.get_manifest("napari-bayesseg")
    (widget,) = manifest.contributions.widgets or ()
    places = manifest.contributions.menus["napari/layers/segment"]
    assert widget.command in {item.command for item in places}
    assert f"{widget.display_name} ({manifest.display_name})" == DOCK_NAME


def test_napari_docks_it_with_the_proxy_of_its_viewer(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.add_image(noise(), name="scan")
    holder, widget = viewer.window.add_plugin_dock_widget("napari-bayesseg", "Segment and review")
    assert isinstance(widget, MainWidget)
    assert holder.area == "right"
    assert widget.predict_tab.form.scan_layer is viewer.layers["scan"]
    qtbot.waitUntil(lambda: widget.predict_tab.target is not None, timeout=20_000)
    widget.close_session()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_it_fits_a_small_window_beside_naparis_own_controls(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot, theme: str
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.theme = theme
    viewer.window.resize(1280, 800)
    widget = dock(viewer)
    qtbot.wait(100)
    assert widget.width() <= 400
    form = widget.predict_tab.form
    form.settings.advanced.set_open(True)
    widget.predict_tab.message.show_message("error", "/a/long/path" * 30)
    qtbot.wait(100)
    right = widget.tabs.width()
    for part in (form.scan, form.model.folder_button, form.out.browse, widget.predict_tab.message):
        assert part.mapTo(widget.tabs, part.rect().topRight()).x() < right
    assert viewer.window.geometry()[2:] == (1280, 800)
    widget.close_session()


def running(window: PredictWindow) -> None:
    gated = window.use_gate(blocks=2)
    window.start()
    window.wait(gated.is_waiting.is_set)
    # Reading ends soon, but not before the closing has begun to wait for it.
    threading.Timer(0.3, gated.gate.set).start()
    return gated


def test_closing_the_dock_ends_the_run_and_its_threads(predict_window: PredictWindow) -> None:
    window = predict_window
    running(window)
    window.viewer.window.remove_dock_widget(window.widget)
    assert our_threads() == []
    window.qtbot.wait(50)
    assert window.outcomes == []
    assert 0 < load_result_quietly(window.out) < 8
    # The viewer goes on without it.
    window.viewer.layers.clear()
    window.viewer.add_image(noise())
    window.viewer.scene.camera.zoom = 2.0
    window.viewer.theme = "light"


def load_result_quietly(path: Path) -> int:
    with pytest.warns(UserWarning, match="not finished"):
        return int(np.asarray(load_result(path).block_mask).sum())


def test_closing_the_window_ends_the_run_and_its_threads(predict_window: PredictWindow) -> None:
    window = predict_window
    running(window)
    window.viewer.close()
    window.wait(lambda: our_threads() == [])
    assert 0 < load_result_quietly(window.out) < 8


def test_closing_during_a_review_leaves_it_saved(predict_window: PredictWindow) -> None:
    window = predict_window
    window.run()
    session = window.widget.session
    window.wait(lambda: session.desk is not None)
    window.widget.close_session()
    assert session.desk is None
    assert our_threads() == []
    window.widget.close_session()


SCRIPT = """
import sys
import napari, numpy as np
from pathlib import Path
from qtpy.QtCore import QTimer
from napari_bayesseg.gui.main_widget import MainWidget

model, out, how = sys.argv[1:]
viewer = napari.Viewer()
viewer.add_image(np.random.default_rng(0).normal(size=(64, 96, 96)).astype("float32"), name="scan")
widget = MainWidget(viewer)
viewer.window.add_dock_widget(widget, name="BayesSeg", area="right")
tab = widget.predict_tab
tab.form.model.add_folder(Path(model))
tab.form.settings.editor("num_samples").value = 64
tab.form.settings.editor("block_shape").value = "16, 32, 32"
tab.form.out.set_path(Path(out))
state = {"started": False}

def step():
    if not state["started"]:
        if tab.target is not None and tab.run_box.run.isEnabled():
            state["started"] = True
            tab.run_box.run.click()
    elif tab.run_box.bar.value() > 3:
        timer.stop()
        if how == "window":
            viewer.close()
        elif how == "dock":
            viewer.window.remove_dock_widget(widget)
            QTimer.singleShot(100, viewer.close)
        else:
            from qtpy.QtWidgets import QApplication
            QApplication.instance().quit()

timer = QTimer()
timer.timeout.connect(step)
timer.start(20)
napari.run()
print("closed while", widget.session.prediction.state)
"""


@pytest.mark.parametrize("how", ["window", "dock", "application"])
def test_a_process_that_is_left_during_a_run_ends_cleanly(
    how: str, small_model: Path, tmp_path: Path
) -> None:
    # npe2 uses what pydantic calls deprecated; nothing else is let through.
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", SCRIPT]
    arguments = [str(small_model), str(tmp_path / "r.zarr"), how]
    done = subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "closed while idle" in done.stdout
    assert done.stderr.strip() == ""
    assert (tmp_path / "r.zarr").is_dir()


def test_a_result_is_shown_with_the_scan_that_it_was_made_from(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot, tmp_path: Path
) -> None:
    geometry = Geometry.from_spacing((2.0, 0.5, 0.5), unit="micrometer")
    scan = tmp_path / "scan.ome.tif"
    write_volume(scan, noise(), geometry, name="scan")
    probability = np.random.default_rng(0).dirichlet((1, 1, 1), SHAPE).transpose(3, 0, 1, 2)
    values = {"expected_error": 1 - probability.max(0)}
    path = tmp_path / "r.zarr"
    write_result(path, probability, values, geometry=geometry, source=scan)
    viewer = make_napari_viewer(show=True)
    widget = dock(viewer)
    widget.show_result(path)
    qtbot.waitUntil(
        lambda: widget.session.desk is not None and widget.predict_tab.form.scan_layer is not None,
        timeout=20_000,
    )
    assert viewer.layers[0] is widget.predict_tab.form.scan_layer
    np.testing.assert_array_equal(np.asarray(viewer.layers[0].data), noise())
    assert widget.tabs.currentIndex() == REVIEW
    widget.show_result(path)
    qtbot.waitUntil(lambda: widget.session.desk is not None, timeout=20_000)
    assert len([layer for layer in viewer.layers if layer.name == viewer.layers[0].name]) == 1
    widget.close_session()


def test_a_result_without_its_scan_says_so(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot, tmp_path: Path
) -> None:
    probability = np.random.default_rng(0).dirichlet((1, 1), SHAPE).transpose(3, 0, 1, 2)
    path = tmp_path / "r.zarr"
    values = {"expected_error": 1 - probability.max(0)}
    write_result(path, probability, values, source=tmp_path / "gone.tif")
    widget = dock(make_napari_viewer(show=True))
    widget.show_result(path)
    message = widget.predict_tab.message
    qtbot.waitUntil(lambda: "without its scan" in message.text(), timeout=20_000)
    assert "gone.tif" in message.text().replace("\u200b", "")
    qtbot.waitUntil(lambda: widget.session.desk is not None, timeout=20_000)
    widget.close_session()


def test_another_run_closes_the_review_of_the_first(predict_window: PredictWindow) -> None:
    window = predict_window
    window.run()
    session = window.widget.session
    window.wait(lambda: session.desk is not None)
    first = session.desk
    window.tab.form.out.set_path(window.out.with_name("second.zarr"))
    window.tab.form.settings.editor("num_samples").value = 3
    window.run()
    window.wait(lambda: session.desk is not None and session.desk is not first)
    assert session.result is not None
    assert session.result.path.name == "second.zarr"
    names = [layer.name for layer in window.viewer.layers]
    assert len(names) == len(set(names))


def test_layers_with_colour_bars_and_boxes_may_be_deleted_and_drawn_over(
    predict_window: PredictWindow,
) -> None:
    """Each of these crashes a window of napari 0.9 on software OpenGL that draws nothing on top."""
    window = predict_window
    for _ in range(2):
        heat = window.viewer.add_image(noise(seed=2), contrast_limits=(50.0, 150.0))
        heat.colorbar.visible = True
        window.tab.form.where.start_drawing()
        rectangle = [[0, 2, 2], [0, 2, 9], [0, 9, 9], [0, 9, 2]]
        window.viewer.layers["box to predict"].add_rectangles(np.array(rectangle))
        window.qtbot.wait(100)
        for layer in (heat, window.viewer.layers["box to predict"]):
            window.viewer.layers.remove(layer)
            window.qtbot.wait(100)
