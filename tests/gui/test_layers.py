from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels, Layer

from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.gui.layers import (
    SOURCE_KEY,
    class_colours,
    labels_layer,
    measure_title,
    volume_layer,
)

SPACING = (3.0, 0.5, 0.25)
TURN = np.deg2rad(30.0)
ROTATION = np.array([[1, 0, 0], [0, np.cos(TURN), -np.sin(TURN)], [0, np.sin(TURN), np.cos(TURN)]])


def geometry_of(linear: np.ndarray) -> Geometry:
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = (10.0, -20.0, 5.0)
    return Geometry.from_matrix(matrix, "millimeter")


GEOMETRIES = {
    "upright": geometry_of(np.diag(SPACING)),
    "mirrored": geometry_of(np.diag(SPACING) @ np.diag([1, -1, 1])),
    "rotated": geometry_of(ROTATION @ np.diag(SPACING)),
    "axes swapped": geometry_of(np.diag(SPACING)[[0, 2, 1]]),
    "sheared": geometry_of(np.diag(SPACING) + np.array([[0, 0.2, 0], [0, 0, 0], [0, 0, 0]])),
}


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
def test_a_voxel_lies_where_its_geometry_says(geometry: Geometry) -> None:
    volume = Volume.from_array(np.zeros((4, 5, 6), np.uint16), geometry, name="scan")
    layer = Layer.create(*volume_layer(volume))
    assert isinstance(layer, Image)
    for index in [(0, 0, 0), (3, 0, 0), (0, 4, 0), (0, 0, 5), (3, 4, 5)]:
        expected = (geometry.matrix @ [*index, 1])[:3]
        np.testing.assert_allclose(layer.data_to_world(index), expected, atol=1e-12)
    np.testing.assert_allclose(layer.scale, SPACING if geometry.is_upright else geometry.spacing)
    assert [str(unit) for unit in layer.units] == ["millimeter"] * 3
    assert layer.axis_labels == ("z", "y", "x")
    assert layer.name == "scan"


def test_labels_are_labels_whatever_their_type() -> None:
    layer = Layer.create(
        *labels_layer(np.ones((2, 3, 4), np.uint8), GEOMETRIES["rotated"], name="x", visible=False)
    )
    assert isinstance(layer, Labels)
    assert not layer.visible


def test_a_scan_without_a_unit_is_in_pixels() -> None:
    layer = Layer.create(*volume_layer(Volume.from_array(np.zeros((2, 3, 4), np.float32))))
    assert [str(unit) for unit in layer.units] == ["pixel"] * 3


def test_classes_have_colours_that_can_be_told_apart_and_the_background_none() -> None:
    colours = class_colours(8)
    assert colours[0] == colours[None] == "transparent"
    assert len({colours[label] for label in range(1, 8)}) == 7
    names = ("pore", "particle", "binder")
    layer = Layer.create(
        *labels_layer(
            np.ones((2, 3, 4), np.uint8), GEOMETRIES["upright"], name="x", class_names=names
        )
    )
    assert layer.colormap.map(0)[-1] == 0.0
    assert layer.colormap.map(2)[-1] == 1.0
    assert list(layer.features["class"]) == list(names)


def test_a_layer_keeps_the_scan_that_it_was_made_of() -> None:
    volume = Volume.from_array(np.zeros((2, 3, 4), np.float32), name="scan")
    layer = Layer.create(*volume_layer(volume))
    assert layer.metadata[SOURCE_KEY] is volume


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("mutual_information", "mutual information (nat)"),
        ("variation_ratio", "variation ratio (share of draws)"),
        ("expected_error_excess", "expected error excess (probability)"),
    ],
)
def test_a_measures_title_has_its_unit(name: str, title: str) -> None:
    assert measure_title(name) == title
