from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from napari.layers import Image, Labels, Points

from napari_bayesseg.gui.planes.looks import ImageLook, has_voxels, look_of
from napari_bayesseg.gui.planes.pictures import Plane, paint_plane, read_plane

SHAPE = (6, 9, 12)


@pytest.mark.parametrize("axes", list(permutations(range(3))))
@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_plane_is_that_of_the_array(axes: tuple[int, int, int], step: int) -> None:
    values = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    _, rows, columns = axes
    plane = Plane(SHAPE, *axes, 3, 1, SHAPE[rows], 2, SHAPE[columns] - 1, step)
    turned = values.transpose(axes)[3, 1:, 2 : SHAPE[columns] - 1]
    places = [np.minimum(np.arange(0, n, step) + step // 2, n - 1) for n in turned.shape]
    wanted = turned[np.ix_(*places)]
    np.testing.assert_array_equal(read_plane(plane, [values]), wanted)
    assert plane.size == wanted.shape


def test_a_coarser_level_is_read_where_it_shows_as_much() -> None:
    full, half = np.zeros((8, 8, 8)), np.ones((4, 4, 4))
    assert read_plane(Plane((8, 8, 8), 0, 1, 2, 5, 0, 8, 0, 8, 1), [full, half]).max() == 0
    coarse = read_plane(Plane((8, 8, 8), 0, 1, 2, 5, 0, 8, 0, 8, 2), [full, half])
    assert coarse.min() == 1
    assert coarse.shape == (4, 4)


def test_layers_lie_over_each_other_as_on_the_canvas() -> None:
    scan = np.full(SHAPE, 10.0, np.float32)
    below = Image(scan, contrast_limits=(0, 20), colormap="gray")
    heat = np.full(SHAPE, np.nan, np.float32)
    heat[3, 4, 5] = 1.0
    red = {"colors": [(1, 0, 0, 0), (1, 0, 0, 1)], "name": "red"}
    above = Image(heat, contrast_limits=(0, 1), colormap=red, opacity=0.5)
    looks = [look_of(below), look_of(above)]
    picture = paint_plane(Plane(SHAPE, 0, 1, 2, 3, 0, 9, 0, 12), looks)
    assert picture.pixels.shape == (9, 12, 4)
    assert picture.pixels[0, 0] == pytest.approx([128, 128, 128, 255], abs=1)
    assert picture.pixels[4, 5] == pytest.approx([192, 64, 64, 255], abs=1)


def test_light_is_added_where_the_layer_adds_it() -> None:
    grey = Image(np.ones(SHAPE), contrast_limits=(0, 2), colormap="gray", blending="additive")
    picture = paint_plane(Plane(SHAPE, 0, 1, 2, 0, 0, 2, 0, 2), [look_of(grey)] * 3)
    assert picture.pixels[0, 0] == pytest.approx([255, 255, 255, 255])


def test_labels_have_their_colours_and_outlines() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[3, 2:7, 3:8] = 1
    colours = {None: "transparent", 0: "transparent", 1: "#00ff00"}
    layer = Labels(labels, colormap=colours, opacity=1.0)
    plane = Plane(SHAPE, 0, 1, 2, 3, 0, 9, 0, 12)
    green = paint_plane(plane, [look_of(layer)]).pixels[..., 1]
    np.testing.assert_array_equal(green > 0, labels[3] == 1)
    layer.contour = 1
    line = paint_plane(plane, [look_of(layer)]).pixels[..., 1] > 0
    wanted = labels[3] == 1
    wanted[3:6, 4:7] = False  # everything within
    np.testing.assert_array_equal(line, wanted)


def test_what_has_no_voxels_is_left_out() -> None:
    assert not has_voxels(Points(np.zeros((1, 3))))
    assert not has_voxels(Image(np.zeros((4, 5, 3)), rgb=True))
    assert not has_voxels(Image(np.zeros((4, 5))))
    assert has_voxels(Labels(np.zeros(SHAPE, np.uint8)))


def test_gamma_and_limits_are_the_layers() -> None:
    ramp = np.array([[0.0, 1.0, 2.0, np.nan]], np.float32)
    table = np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[:, None], 4, axis=1)
    table[:, 3] = 1.0
    painted = ImageLook((), table, (0.0, 2.0), gamma=2.0).paint(ramp)
    assert painted[0, :3, 0] == pytest.approx([0.0, 0.25, 1.0], abs=0.01)
    assert painted[0, :, 3].tolist() == [1.0, 1.0, 1.0, 0.0]
