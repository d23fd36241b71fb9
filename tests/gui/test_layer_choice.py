from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_bayesseg.gui.layer_choice import LayerChoice
from napari_bayesseg.gui.scan_source import is_scan

pytestmark = pytest.mark.viewer
VOXELS = np.zeros((2, 3, 4), np.uint8)


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def choice(viewer: ViewerModel, qtbot: QtBot) -> Iterator[LayerChoice]:
    viewer.add_image(VOXELS, name="below")
    viewer.add_image(VOXELS, name="above")
    viewer.add_labels(VOXELS, name="labels")
    viewer.layers.selection.active = viewer.layers["above"]
    choice = LayerChoice(viewer, is_scan)
    qtbot.addWidget(choice)
    yield choice
    choice.disconnect_viewer()


def shown(choice: LayerChoice) -> list[str]:
    return [choice.itemText(index) for index in range(choice.count())]


def test_images_are_offered_and_the_active_one_is_chosen(
    choice: LayerChoice, viewer: ViewerModel
) -> None:
    assert shown(choice) == ["above", "below"]
    assert choice.layer is viewer.layers["above"]
    assert choice.currentText() == "above"


def test_without_an_active_image_the_lowest_is_chosen(viewer: ViewerModel, qtbot: QtBot) -> None:
    scan = viewer.add_image(VOXELS, name="scan")
    viewer.add_image(VOXELS, name="filtered")
    viewer.add_labels(VOXELS)
    choice = LayerChoice(viewer, is_scan)
    qtbot.addWidget(choice)
    assert choice.layer is scan


def test_the_choice_stays_while_others_come_go_and_move(
    choice: LayerChoice, viewer: ViewerModel, qtbot: QtBot
) -> None:
    chosen = choice.layer
    with qtbot.assertNotEmitted(choice.chosen):
        viewer.add_image(VOXELS, name="new")
        viewer.layers.move(0, 3)
        viewer.layers.remove("below")
    assert choice.layer is chosen
    assert choice.currentText() == "above"
    assert shown(choice) == ["new", "above"]


def test_it_follows_a_new_name(choice: LayerChoice, viewer: ViewerModel) -> None:
    viewer.layers["above"].name = "renamed"
    assert shown(choice) == ["renamed", "below"]
    assert choice.currentText() == "renamed"


def test_it_takes_another_when_the_chosen_one_is_deleted(
    choice: LayerChoice, viewer: ViewerModel, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(choice.chosen, timeout=1000):
        viewer.layers.remove("above")
    assert choice.layer is viewer.layers["below"]
    with qtbot.waitSignal(choice.chosen, timeout=1000):
        viewer.layers.clear()
    assert choice.layer is None
    with qtbot.waitSignal(choice.chosen, timeout=1000):
        scan = viewer.add_image(VOXELS)
    assert choice.layer is scan


def test_the_person_chooses(choice: LayerChoice, viewer: ViewerModel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(choice.chosen, timeout=1000):
        choice.setCurrentIndex(1)
    assert choice.layer is viewer.layers["below"]
    choice.choose(viewer.layers["above"])
    assert choice.layer is viewer.layers["above"]


def test_maps_of_results_are_not_offered(choice: LayerChoice, viewer: ViewerModel) -> None:
    viewer.add_image(VOXELS, name="map", metadata={"napari_bayesseg_result": "r.zarr"})
    assert shown(choice) == ["above", "below"]
