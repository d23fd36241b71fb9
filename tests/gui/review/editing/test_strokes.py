from __future__ import annotations

import numpy as np
from napari.layers import Labels
from numpy.testing import assert_array_equal

from napari_bayesseg.gui.review.editing.strokes import Stroke, read_stroke


def painted(paint: object, data: np.ndarray) -> Stroke:
    """Paint a labels layer and read what it says about it."""
    layer = Labels(data)
    heard = []
    layer.events.paint.connect(lambda event: heard.extend(event.value))
    with layer.block_history():
        paint(layer)
    return read_stroke(heard, data.dtype)


def check(stroke: Stroke, before: np.ndarray, after: np.ndarray) -> None:
    again, back = before.copy(), after.copy()
    again[stroke.indices] = stroke.new
    assert_array_equal(again, after)
    # Backwards: of a voxel that was painted over, the first label before.
    for place, old in reversed(
        list(zip(zip(*stroke.indices, strict=True), stroke.old, strict=True))
    ):
        back[place] = old
    assert_array_equal(back, before)
    assert stroke.new.dtype == stroke.old.dtype == before.dtype


def test_a_brush_that_crosses_its_own_trace() -> None:
    before = np.random.default_rng(1).integers(0, 4, (3, 20, 20)).astype(np.uint8)
    after = before.copy()

    def paint(layer: Labels) -> None:
        layer.brush_size = 5
        layer.paint((1, 8, 8), 3)
        layer.paint((1, 9, 9), 2)
        layer.paint((1, 0, 0), 1)

    stroke = painted(paint, after)
    assert stroke.count > 30
    assert set(stroke.indices[0]) == {1}
    check(stroke, before, after)


def test_a_brush_through_all_slices() -> None:
    before = np.zeros((6, 12, 12), np.uint16)
    after = before.copy()

    def paint(layer: Labels) -> None:
        layer.n_edit_dimensions = 3
        layer.brush_size = 4
        layer.paint((3, 6, 6), 7)

    stroke = painted(paint, after)
    assert len(set(stroke.indices[0].tolist())) > 2
    check(stroke, before, after)


def test_a_box_that_is_filled_whole() -> None:
    before = np.zeros((2, 4, 4), np.uint8)
    before[0, 1:3, 1:3] = 2
    after = before.copy()
    check(painted(lambda layer: layer.fill((0, 1, 1), 3), after), before, after)


def test_voxels_set_one_by_one() -> None:
    before = np.zeros((2, 4, 4), np.uint8)
    after = before.copy()
    places = (np.array([0, 1]), np.array([1, 2]), np.array([3, 0]))

    def paint(layer: Labels) -> None:
        layer.data_setitem(places, 5)
        layer.data_setitem(places, [1, 5])

    check(painted(paint, after), before, after)


def test_nothing_painted_is_no_voxel() -> None:
    stroke = read_stroke([], np.dtype(np.uint8))
    assert stroke.count == 0
    assert stroke.new.dtype == np.uint8
