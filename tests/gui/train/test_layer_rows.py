from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.gui.train.layer_rows import LayerRows

pytestmark = pytest.mark.viewer

GREY = np.zeros((4, 40, 80), np.float32)
CLASSES = np.zeros((4, 40, 80), np.uint8)


@pytest.fixture
def viewer() -> ViewerModel:
    viewer = ViewerModel()
    for name in ("a", "b"):
        viewer.add_image(GREY, name=name, scale=(2, 1, 1))
        viewer.add_labels(CLASSES.copy(), name=f"{name} truth", scale=(2, 1, 1))
    viewer.layers.selection.active = viewer.layers["a"]
    return viewer


@pytest.fixture
def rows(viewer: ViewerModel, qtbot: QtBot) -> Iterator[LayerRows]:
    rows = LayerRows(viewer)
    qtbot.addWidget(rows)
    rows.show()
    yield rows
    rows.disconnect_viewer()


def chosen(rows: LayerRows) -> list[tuple[str, str]]:
    choices = [rows.row(index) for index in range(rows.num_rows)]
    return [(scan.currentText(), labels.currentText()) for scan, labels in choices]


def test_each_new_row_takes_what_no_other_has(rows: LayerRows) -> None:
    assert chosen(rows) == [("a", "a truth")]
    rows.add.click()
    assert chosen(rows) == [("a", "a truth"), ("b", "b truth")]
    assert [pair.name for pair in rows.pairs()] == ["a", "b"]


def test_labels_follow_their_scan_by_name(rows: LayerRows, viewer: ViewerModel) -> None:
    scan, labels = rows.row(0)
    scan.choose(viewer.layers["b"])
    assert labels.layer is viewer.layers["b truth"]
    labels.choose(viewer.layers["a truth"])  # whoever wants it so
    assert labels.layer is viewer.layers["a truth"]


def test_the_active_labels_are_not_taken_for_another_scan(
    viewer: ViewerModel, qtbot: QtBot
) -> None:
    viewer.layers.selection.active = viewer.layers["b truth"]
    viewer.layers.move(0, 3)
    rows = LayerRows(viewer)
    qtbot.addWidget(rows)
    rows.add.click()
    assert sorted(chosen(rows)) == [("a", "a truth"), ("b", "b truth")]
    rows.disconnect_viewer()


def test_a_row_is_taken_away_and_the_last_one_stays(rows: LayerRows, qtbot: QtBot) -> None:
    _, _, remove = rows._rows[0]
    assert not remove.isVisible()
    rows.add.click()
    assert remove.isVisible()
    with qtbot.waitSignal(rows.changed, timeout=1000):
        remove.click()
    assert chosen(rows) == [("b", "b truth")]
    assert not rows._rows[0][2].isVisible()


def test_one_scan_is_not_trained_on_twice(rows: LayerRows, viewer: ViewerModel) -> None:
    rows.add.click()
    rows.row(1)[0].choose(viewer.layers["a"])
    with pytest.raises(SettingsError, match="'a' is chosen twice"):
        rows.pairs()


def test_scans_without_labels_are_for_those_who_learn_from_them(
    rows: LayerRows, viewer: ViewerModel
) -> None:
    labels = rows.row(0)[1]
    assert labels.count() == 2
    rows.allow_unlabelled(True)
    assert [labels.itemText(index) for index in range(labels.count())][-1] == "(none)"
    labels.setCurrentIndex(2)
    with pytest.raises(SettingsError, match="no labels layer is chosen"):
        rows.pairs()  # all scans without
    rows.add.click()
    rows.row(1)[1].choose(viewer.layers["b truth"])
    assert [pair.labels is None for pair in rows.pairs()] == [True, False]
    viewer.add_labels(CLASSES.copy(), name="more")
    assert labels.layer is None  # the choice stays while layers come
    rows.allow_unlabelled(False)
    assert labels.layer is not None


def test_painting_begins_on_a_layer_that_fits(rows: LayerRows, viewer: ViewerModel) -> None:
    viewer.layers["a"].translate = (10, 20, 30)
    rows.paint.click()
    layer = viewer.layers["a: painted"]
    assert rows.row(0)[1].layer is layer
    assert (layer.mode, layer.brush_size) == ("paint", 1)
    assert viewer.layers.selection.active is layer
    (pair,) = rows.pairs()
    assert pair.labels is not None
    assert pair.labels.shape == GREY.shape


def test_strokes_and_moves_of_the_chosen_labels_are_told(
    rows: LayerRows, viewer: ViewerModel, qtbot: QtBot
) -> None:
    layer, other = viewer.layers["a truth"], viewer.layers["b truth"]
    place = (np.array([0]), np.array([0]), np.array([0]))
    with qtbot.waitSignal(rows.changed, timeout=1000):
        layer.data_setitem(place, 1)
    with qtbot.waitSignal(rows.changed, timeout=1000):
        layer.scale = (3, 1, 1)
    with qtbot.assertNotEmitted(rows.changed):
        other.data_setitem(place, 1)
    rows.disconnect_viewer()
    with qtbot.assertNotEmitted(rows.changed):
        layer.data_setitem(place, 2)
        viewer.layers.clear()


def test_nothing_open_is_said(rows: LayerRows, viewer: ViewerModel) -> None:
    viewer.layers.clear()
    assert not rows.paint.isEnabled()
    with pytest.raises(SettingsError, match="open a scan first"):
        rows.pairs()
