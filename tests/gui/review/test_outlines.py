from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels
from numpy.testing import assert_array_equal
from scipy import ndimage

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.gui.review.outlines import Outlines, outline_colours
from napari_bayesseg.gui.review.status_style import PALETTES
from napari_bayesseg.numerics.region_groups import RegionGroups
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.sparse_voxels import SparseVoxels
from napari_bayesseg.review.status import Status
from napari_bayesseg.session.preferences import PaletteName

SHAPE = (4, 6, 8)
IDS = 70


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(4)


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(3).integers(0, IDS + 1, SHAPE).astype(np.int32)


@pytest.fixture
def outlines(labels: np.ndarray) -> Outlines:
    outlines = Outlines(SHAPE)
    outlines.set_regions(RegionMap.of_labels(labels))
    return outlines


def coded(labels: np.ndarray, codes: dict[int, int]) -> np.ndarray:
    values = [0, *(8 * (i % 31) + codes.get(i, 1) for i in range(1, IDS + 1))]
    return np.array(values, np.uint8)[labels]


def test_values_tell_region_and_status(outlines: Outlines, labels: np.ndarray) -> None:
    assert_array_equal(outlines, coded(labels, {}))
    statuses = {3: Status.ACCEPTED, 5: Status.REJECTED, 34: Status.EDITED, 70: Status.DEFERRED}
    outlines.set_statuses(statuses, statuses)
    outlines.set_current(5)
    codes = {3: 2, 5: 6, 34: 4, 70: 5}
    assert_array_equal(outlines, coded(labels, codes))
    for key in [(2,), (slice(1, 3), 4), (0, 1, 2), (slice(None, None, 2),)]:
        assert_array_equal(outlines[key], coded(labels, codes)[key])


def test_a_region_that_is_left_shows_its_status_again(
    outlines: Outlines, labels: np.ndarray
) -> None:
    outlines.set_current(5)
    outlines.set_statuses({5: Status.ACCEPTED}, (5,))
    assert_array_equal(outlines, coded(labels, {5: 6}))
    outlines.set_current(None)
    assert_array_equal(outlines, coded(labels, {5: 2}))


def test_ids_that_are_gone_are_passed_over(outlines: Outlines, labels: np.ndarray) -> None:
    outlines.set_current(5)
    outlines.set_regions(RegionMap.of_labels(np.minimum(labels, 3)))
    outlines.set_current(2)
    outlines.set_statuses({99: Status.ACCEPTED}, (99,))
    assert_array_equal(outlines, coded(np.minimum(labels, 3), {2: 6}))


def test_the_box_to_paint_in_is_framed_in_every_slice() -> None:
    outlines = Outlines(SHAPE)
    box = Roi((1, 1, 2), (3, 5, 7))
    outlines.set_paintable(box, np.ones(box.shape, bool))
    frame = np.zeros((6, 8), np.uint8)
    frame[1:5, 2:7] = 7
    frame[2:4, 3:6] = 0
    assert_array_equal(outlines[1], frame)
    assert_array_equal(outlines[0], 0)
    across = np.zeros((4, 8), np.uint8)
    across[1:3, 2:7] = 7
    assert_array_equal(outlines[:, 3, :], across)
    single = np.zeros((1, 6, 8), np.uint8)
    single[0] = frame
    assert_array_equal(outlines[1:2], single)
    outlines.set_paintable(None)
    assert_array_equal(outlines, 0)


def test_rims_of_any_shape_lie_inside_and_close_in_every_slice(rng: np.random.Generator) -> None:
    box = Roi((1, 0, 1), (4, 6, 7))
    mask = rng.random(box.shape) > 0.3
    paintable = np.zeros(SHAPE, bool)
    paintable[box.slices] = mask
    outlines = Outlines(SHAPE)
    outlines.set_paintable(box, mask)
    outlines.set_contour(Roi((2, 2, 3), (3, 3, 4)), np.ones((1, 1, 1), bool))
    for axis in range(3):
        for index in range(SHAPE[axis]):
            seen = np.take(paintable, index, axis)
            inner = ndimage.binary_erosion(seen)  # by the four neighbours; none at the ends
            expected = np.where(seen & ~inner, 7, 0)
            place = [2, 2, 3]
            if place.pop(axis) == index:
                expected[tuple(place)] = 248
            key = [slice(None)] * 3
            key[axis] = index
            assert_array_equal(outlines[tuple(key)], expected)


def test_a_decision_costs_nothing_in_a_large_volume() -> None:
    """No voxel is touched: of the volume, only the region is in memory."""
    shape = (2000, 4000, 4000)
    outlines = Outlines(shape)
    voxels = SparseVoxels.of(shape, 7 * 4000**2 + np.array([0, 1, 4000, 4001]))
    places, one, box = np.arange(4, dtype=np.int32), np.ones(1), np.zeros((1, 6), np.int32)
    groups = RegionGroups(voxels, places, np.array([4]), one, one, places[:1], box)
    outlines.set_regions(RegionMap(groups, np.array([1])))
    outlines.set_statuses({1: Status.ACCEPTED}, (1,))
    assert_array_equal(outlines[7, :2, :2], 8 + 2)


def test_the_current_region_is_bright_and_the_others_faint(outlines: Outlines) -> None:
    colours = outline_colours(PALETTES[PaletteName.OKABE_ITO])
    layer = Labels(outlines, colormap=colours, multiscale=False)
    assert layer.colormap.map(0)[3] == 0
    assert layer.colormap.map(8 * 30 + 6)[3] == layer.colormap.map(248)[3] == 1
    for status in range(1, 6):
        assert 0 < layer.colormap.map(8 * 4 + status)[3] < 0.6
    codes = (*range(9, 16), 248)
    assert len({tuple(layer.colormap.map(code)[:3]) for code in codes}) == 8
