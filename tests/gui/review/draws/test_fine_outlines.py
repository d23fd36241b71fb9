from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.gui.review.draws.fine_outlines import FineOutlines, fine_colours, fine_geometry
from napari_bayesseg.gui.review.status_style import PALETTES
from napari_bayesseg.session.preferences import PaletteName

SHAPE, CLASSES = (3, 5, 6), 3


def labels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, CLASSES, SHAPE).astype(np.uint8)


def repeated(values: np.ndarray, factors: tuple[int, int, int]) -> np.ndarray:
    for axis, factor in enumerate(factors):
        values = values.repeat(factor, axis)
    return values


def has_other(values: np.ndarray, axes: tuple[int, ...], width: int) -> np.ndarray:
    """Whether a neighbour within a few steps along an axis differs; slow and plain."""
    found = np.zeros(values.shape, bool)
    for place in np.ndindex(values.shape):
        for axis, step in itertools.product(axes, range(-width, width + 1)):
            other = list(place)
            other[axis] += step
            if 0 <= other[axis] < values.shape[axis]:
                found[place] |= values[tuple(other)] != values[place]
    return found


@pytest.mark.parametrize("factors", [(1, 4, 4), (4, 1, 4), (1, 1, 1)])
def test_a_draw_is_a_line_between_classes_over_what_differs(
    factors: tuple[int, int, int],
) -> None:
    draw, predicted = labels(1), labels(2)
    outlines = FineOutlines(SHAPE, factors, CLASSES)
    outlines.set_draw(draw, predicted)
    fine, fill = (
        repeated(draw, factors),
        repeated(np.where(draw != predicted, draw + 1, 0), factors),
    )
    axes = tuple(axis for axis in range(3) if factors[axis] > 1)
    expected = np.where(has_other(fine, axes, 1), 2 * CLASSES + 1, fill)
    assert outlines.shape == fine.shape
    np.testing.assert_array_equal(np.asarray(outlines), expected)
    np.testing.assert_array_equal(outlines[1], expected[1])
    np.testing.assert_array_equal(outlines[:, 3:9, 2], expected[:, 3:9, 2])


def test_classes_have_lines_of_their_own_inside_a_region() -> None:
    classes, inside = labels(3), labels(4) > 0
    outlines = FineOutlines(SHAPE, (1, 4, 4), CLASSES)
    outlines.set_classes(classes, inside)
    fine = repeated(np.where(inside, classes + 1, 0), (1, 4, 4))
    expected = np.where(has_other(fine, (1, 2), 2) & (fine > 0), fine + CLASSES, 0)
    np.testing.assert_array_equal(np.asarray(outlines), expected)


def test_every_code_has_a_colour() -> None:
    colours = fine_colours(CLASSES, PALETTES[PaletteName.OKABE_ITO]).color_dict
    assert {*range(2 * CLASSES + 2), None} == set(colours)
    assert all(colours[code][3] > 0 for code in range(1, 2 * CLASSES + 2))
    assert colours[0][3] == 0


def test_the_small_voxels_fill_the_box_of_a_sheared_scan() -> None:
    matrix = np.array([[2, 0.1, 0, 5], [0, 0.5, 0.2, -3], [0.3, 0, 0.4, 1], [0, 0, 0, 1]])
    geometry = Geometry.from_matrix(matrix, "micrometer")
    box, factors = Roi((2, 3, 4), (5, 8, 10)), (1, 4, 4)
    fine = fine_geometry(geometry, box, factors).matrix
    first = np.array([-0.5] * 3 + [1])
    last = np.array([n * f - 0.5 for n, f in zip(box.shape, factors, strict=True)] + [1])
    for corner, voxel in ((first, box.start), (last, box.stop)):
        outer = np.array([*(np.array(voxel) - 0.5), 1])
        np.testing.assert_allclose(fine @ corner, matrix @ outer)
