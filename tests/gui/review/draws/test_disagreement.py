"""Draws on a real window: keys, layers in their place, the page, and the voxel under the cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import napari
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.gui.layers import placement
from napari_bayesseg.gui.review.keys.actions import PLUGIN
from napari_bayesseg.gui.slices import voxel_at
from tests.gui.review_window import SHIFT, ReviewWindow, open_review_window
from tests.session.members import import_members, made_members
from tests.session.places import begin_review

pytestmark = pytest.mark.viewer

Key = Qt.Key
MEMBERS = made_members()
DRAWS = len(MEMBERS)
LINE = 2 * 3 + 1
TURNED = Geometry.from_matrix(
    [[2, 0, 0, 10], [0, 0.4, -0.3, 5], [0, 0.3, 0.4, -7], [0, 0, 0, 1]], "micrometer"
)


@pytest.fixture
def window(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot, tmp_path: Path
) -> Iterator[ReviewWindow]:
    """Five imported members, that disagree in 18 cubes of a scan that lies askew."""
    result = import_members(tmp_path, MEMBERS, TURNED)
    begin_review(result, lower=0.02, upper=0.1, min_voxels=5)
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN)
    window = ReviewWindow(viewer, widget, qtbot)
    window.open(result.path)
    yield window
    widget.close_session()
    vars(window).clear()  # pytest keeps it, and with it the viewer, which must go


def wait_for_draws(window: ReviewWindow) -> None:
    desk = window.desk.draws
    window.wait(lambda: desk.draws is not None and desk.draws.is_complete)
    window.settle()


def has_layer(window: ReviewWindow, ending: str) -> bool:
    return any(layer.name.endswith(f": {ending}") for layer in window.viewer.layers)


def test_keys_leaf_through_draws_that_lie_where_they_belong(window: ReviewWindow) -> None:
    active = window.viewer.layers.selection.active
    first = window.desk.current
    window.press(Key.Key_N, SHIFT)
    wait_for_draws(window)
    assert window.text.endswith(f"draw 1 of {DRAWS} \u00b7 {line_volume(window, 1)}")
    window.press(Key.Key_N, SHIFT)
    layer = window.layer("draw")
    draws = window.desk.draws.draws
    assert layer.visible
    assert window.viewer.layers.selection.active is active
    check_layer(layer, draws.box.start, draws.draws[1].labels, draws.predicted)
    window.press(Key.Key_H, SHIFT)
    check_layer(layer, draws.box.start, draws.draws[0].labels, draws.predicted)
    window.press(Key.Key_Q)  # pressed and let go
    assert layer.visible
    window.press(Key.Key_J)
    assert window.desk.current is not first
    assert not layer.visible
    assert "draw" not in window.text
    window.press(Key.Key_N, SHIFT)
    wait_for_draws(window)
    draws = window.desk.draws.draws
    assert layer.visible
    check_layer(layer, draws.box.start, draws.draws[0].labels, draws.predicted)
    window.viewer.layers.remove(layer)
    window.press(Key.Key_N, SHIFT)
    assert window.layer("draw").visible
    check_runner_up(window)


def check_runner_up(window: ReviewWindow) -> None:
    window.press(Key.Key_R, SHIFT)
    layer, draws = window.layer("runner-up"), window.desk.draws.draws
    codes = np.unique(draws.runner_up[draws.inside]) + 1 + 3
    assert set(np.unique(layer.data)) == {0, *codes.tolist()}
    assert window.tab.draws.buttons["toggle_runner_up"].isChecked()
    window.press(Key.Key_N)
    window.wait(lambda: layer.visible and window.desk.draws.draws is not None)
    assert layer.data.shape == shape_of_fine(window, (1, 4, 4))
    window.press(Key.Key_R, SHIFT)
    assert not layer.visible


def shape_of_fine(window: ReviewWindow, factors: tuple[int, ...]) -> tuple[int, ...]:
    shape = window.desk.draws.draws.box.shape
    return tuple(n * f for n, f in zip(shape, factors, strict=True))


def line_volume(window: ReviewWindow, draw: int) -> str:
    draws = window.desk.draws.draws
    main = draws.region.classes[0]
    return f"{draws.class_names[main]} {draws.volumes[draw - 1, main]:.3g} \u00b5m\u00b3"


def check_layer(
    layer: Labels, start: tuple[int, ...], labels: np.ndarray, predicted: np.ndarray
) -> None:
    """The middle of each voxel has its fill, or a line, at its place in the world."""
    for place in list(np.ndindex(labels.shape))[::37]:
        world = TURNED.matrix @ [*np.add(start, place), 1]
        data = layer.world_to_data(world[:3] + 1e-6)
        code = int(layer.data[tuple(np.rint(data).astype(int))])
        fill = int(labels[place]) + 1 if labels[place] != predicted[place] else 0
        assert code in (fill, LINE)


def test_the_page_shows_volumes_and_plays(window: ReviewWindow) -> None:
    tab = window.tab
    tab.tasks.show_page(tab.draws)
    wait_for_draws(window)
    draws = window.desk.draws.draws
    main = draws.region.classes[0]
    assert tab.draws.text.text().startswith("label ")
    place = tab.draws.plot.place(draws.volumes[3, main]).toPoint()
    QTest.mouseClick(tab.draws.plot, Qt.MouseButton.LeftButton, pos=place)
    shown = window.desk.draws.index
    assert draws.volumes[shown - 1, main] == draws.volumes[3, main]
    assert tab.draws.text.text().startswith(f"draw {shown} of {DRAWS}: ")
    tab.draws.class_choice.setCurrentIndex(1)
    other = tab.draws.class_choice.currentData()
    assert tab.draws.text.text().endswith(f": {draws.volumes[shown - 1, other]:.3g} \u00b5m\u00b3")
    play = tab.draws.buttons["play_draws"]
    play.click()
    window.wait(lambda: window.desk.draws.index not in (shown, shown + 1))
    assert play.isChecked()
    window.press(Key.Key_J)
    assert not play.isChecked()
    assert window.desk.draws.index == 0
    check_readout(window)


def check_readout(window: ReviewWindow) -> None:
    viewer, tab = window.viewer, window.tab
    region = window.desk.current
    probabilities = MEMBERS.mean(axis=0)[(slice(None), *region.position)]
    best = int(probabilities.argmax())
    viewer.mouse_over_canvas = True
    viewer.cursor.position = tuple(window.reviewed.data_to_world(region.position))
    expected = f"{window.desk.result.class_names[best]} {probabilities[best]:.2f} \u00b7 "
    window.wait(lambda: tab.draws.readout.text().startswith(expected))
    viewer.status = {
        **dict.fromkeys(("layer_base", "source_type", "plugin"), ""),
        "coordinates": "x",
    }
    assert viewer.status["coordinates"] == f"x  \u00b7  {tab.draws.readout.text()}"
    viewer.status = "Ready"
    assert viewer.status == "Ready"
    viewer.cursor.position = (1e4, 0, 0)
    window.wait(lambda: tab.draws.readout.text().startswith("Point at"))


@pytest.fixture
def window_without_model(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot, tmp_path: Path
) -> Iterator[ReviewWindow]:
    yield from open_review_window(make_napari_viewer, qtbot, tmp_path)


def test_a_result_whose_model_is_gone_says_so_and_the_rest_works(
    window_without_model: ReviewWindow,
) -> None:
    window = window_without_model
    desk, tab = window.desk.draws, window.tab
    window.press(Key.Key_N, SHIFT)
    window.wait(lambda: bool(desk.message))
    assert "nowhere" in desk.message
    assert "nowhere" in tab.messages.message.toolTip()
    tab.tasks.show_page(tab.draws)
    window.settle()
    assert "nowhere" in tab.draws.text.text()
    window.press(Key.Key_R, SHIFT)
    window.wait(lambda: has_layer(window, "runner-up"))
    assert window.layer("runner-up").visible
    # Along the slider no voxel is divided, or there would be four slices for one.
    for order, factors in (((0, 1, 2), (1, 4, 4)), ((1, 0, 2), (4, 1, 4))):
        window.viewer.dims.order = order
        window.wait(lambda: has_layer(window, "runner-up"))
        assert window.layer("runner-up").data.shape == shape_of_fine(window, factors)
        assert window.viewer.dims.nsteps[order[0]] == window.desk.result.spec.shape[order[0]]


def test_a_voxel_is_found_in_a_scan_that_lies_askew() -> None:
    viewer = ViewerModel()
    layer = viewer.add_labels(np.zeros((4, 5, 6), np.uint8), **placement(TURNED))
    for voxel in ((0, 0, 0), (3, 4, 5), (1, 3, 2)):
        point = (TURNED.matrix @ [*voxel, 1])[:3]
        assert voxel_at(viewer, layer, point) == voxel
    outside = (TURNED.matrix @ [1, 5, 2, 1])[:3]
    assert voxel_at(viewer, layer, outside) is None
