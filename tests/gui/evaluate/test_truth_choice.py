from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import napari
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.gui.evaluate.truth_choice import TruthChoice, labels_volume
from napari_bayesseg.gui.layers import RESULT_KEY

pytestmark = pytest.mark.viewer

SHAPE = (4, 5, 6)


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., napari.Viewer]) -> napari.Viewer:
    viewer = make_napari_viewer()
    viewer.add_labels(np.zeros(SHAPE, int), name="first", scale=(2.0, 0.5, 0.5), units=("um",) * 3)
    viewer.add_labels(np.zeros((4, 5, 7), int), name="another shape")
    viewer.add_image(np.zeros(SHAPE), name="scan")
    viewer.add_labels(np.zeros(SHAPE, int), name="predicted", metadata={RESULT_KEY: "r.zarr"})
    return viewer


@pytest.fixture
def choice(viewer: napari.Viewer, qtbot: QtBot) -> Iterator[TruthChoice]:
    widget = TruthChoice(viewer)
    qtbot.addWidget(widget)
    widget.set_shape(SHAPE)
    yield widget
    widget.disconnect_viewer()


def texts(choice: TruthChoice) -> list[str]:
    return [choice.choice.itemText(index) for index in range(choice.choice.count())]


def test_only_what_may_be_the_truth_is_offered(choice: TruthChoice, viewer: napari.Viewer) -> None:
    assert texts(choice) == ["first", "the reviewed mask"]
    assert choice.chosen is viewer.layers["first"]
    viewer.add_labels(np.zeros(SHAPE, int), name="second")
    assert texts(choice) == ["second", "first", "the reviewed mask"]
    assert choice.chosen is viewer.layers["first"]
    viewer.layers["first"].name = "renamed"
    assert texts(choice)[1] == "renamed"
    viewer.layers.remove("renamed")
    assert choice.chosen is viewer.layers["second"]
    choice.set_shape(None)
    assert texts(choice) == []


def test_a_plane_fits_a_result_of_one_plane(choice: TruthChoice, viewer: napari.Viewer) -> None:
    viewer.add_labels(np.zeros((5, 6), int), name="plane")
    choice.set_shape((1, 5, 6))
    assert texts(choice) == ["plane", "the reviewed mask"]
    truth = choice.truth()
    assert truth is not None
    assert truth.open().shape == (1, 5, 6)


def test_labels_are_taken_as_they_are_now(choice: TruthChoice, viewer: napari.Viewer) -> None:
    truth = choice.truth()
    assert truth is not None
    viewer.layers["first"].data[:] = 3
    volume = truth.open()
    assert not np.asarray(volume.data).any()
    assert volume.spec.geometry == Geometry.from_spacing((2.0, 0.5, 0.5), unit="micrometer")
    assert volume.spec.name == truth.name == "first"


def test_the_finest_level_is_taken(viewer: napari.Viewer) -> None:
    levels = [np.ones(SHAPE, int), np.ones((2, 2, 3), int)]
    layer = viewer.add_labels(levels, name="levels", multiscale=True)
    assert labels_volume(layer).shape == SHAPE


def test_files_are_kept_until_another_result_comes(choice: TruthChoice, qtbot: QtBot) -> None:
    path = Path("somewhere") / "truth.nii.gz"
    with qtbot.waitSignal(choice.changed):
        choice.add_file(path)
    truth = choice.truth()
    assert truth is not None
    assert (truth.name, truth.path) == ("truth.nii.gz", path)
    choice.add_file(path)
    assert texts(choice) == ["first", "truth.nii.gz", "the reviewed mask"]
    choice.choose(None)
    assert choice.truth() is None
    choice.set_shape(SHAPE)
    assert texts(choice) == ["first", "the reviewed mask"]


def test_the_reviewed_mask_stays_chosen(choice: TruthChoice, viewer: napari.Viewer) -> None:
    choice.choose(None)
    viewer.add_labels(np.zeros(SHAPE, int), name="second")
    assert choice.chosen is None
    assert choice.choice.currentText() == "the reviewed mask"
