from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.result import Result
from napari_bayesseg.numerics.label_editing import smooth_labels, voxels_near
from napari_bayesseg.review.labels.edits import (
    BrushReach,
    EditPlace,
    edit_place,
    fill_region,
    find_contour,
    read_probability,
    smooth_region,
    surroundings,
)
from napari_bayesseg.review.labels.voxels import VoxelChange
from tests.review.cases import SHAPE
from tests.review.steps import LABELS, TABLE

SPACING = (2.0, 0.5, 0.5)
REGION = TABLE.regions[2]
BOX = surroundings(REGION, SHAPE)


def place_of(reach: BrushReach, protected: np.ndarray | None = None) -> EditPlace:
    nothing = np.zeros(BOX.shape, bool)
    return edit_place(REGION, LABELS, nothing if protected is None else protected, reach, SPACING)


def applied(change: VoxelChange, labels: np.ndarray) -> np.ndarray:
    after = labels.copy()
    change.apply_to(after, Roi.whole(SHAPE))
    return after


def test_the_surroundings_stay_in_the_scan() -> None:
    for region in TABLE.regions:
        box = surroundings(region, SHAPE)
        assert Roi.whole(SHAPE).contains(box)
        for axis in range(3):
            assert box.start[axis] == max(0, region.box.start[axis] - 8)
            assert box.stop[axis] == min(SHAPE[axis], region.box.stop[axis] + 8)


def test_what_may_change_is_near_the_region_or_its_box_but_never_protected() -> None:
    protected = np.zeros(BOX.shape, bool)
    protected[:, ::3] = True
    near = place_of(BrushReach.REGION, protected)
    assert_array_equal(near.inside, LABELS[BOX.slices] == REGION.id)
    assert_array_equal(
        near.may_change, voxels_near(REGION.id == LABELS, 1.0, SPACING)[BOX.slices] & ~protected
    )
    assert near.inside.sum() < place_of(BrushReach.REGION).may_change.sum() < near.inside.size
    for reach in (BrushReach.BOX, BrushReach.ANYWHERE):
        assert_array_equal(place_of(reach, protected).may_change, ~protected)


def test_filling_gives_the_region_one_label(predicted: np.ndarray) -> None:
    protected = np.zeros(BOX.shape, bool)
    protected[:, ::3] = True
    change = fill_region(place_of(BrushReach.BOX, protected), predicted, 2)
    assert change is not None
    chosen = REGION.id == LABELS
    chosen[BOX.slices] &= ~protected
    after = applied(change, predicted)
    assert_array_equal(after, np.where(chosen, 2, predicted))
    assert change.count == chosen.sum()
    assert_array_equal(change.old, predicted[chosen])
    assert change.new.dtype == predicted.dtype
    assert fill_region(place_of(BrushReach.BOX, protected), after, 2) is None


def test_smoothing_takes_what_lies_around_into_account(predicted: np.ndarray) -> None:
    place = place_of(BrushReach.REGION)
    change = smooth_region(place, predicted)
    assert change is not None
    may_change = np.zeros(SHAPE, bool)
    may_change[BOX.slices] = place.may_change
    after = applied(change, predicted)
    assert_array_equal(after, smooth_labels(predicted, may_change, 0.5, SPACING))
    assert change.count == np.count_nonzero(after != predicted)
    assert smooth_region(place, np.zeros(SHAPE, np.uint8)) is None


@pytest.mark.parametrize("level", [0.3, 0.6])
def test_a_contour_says_what_taking_it_over_changes(
    result: Result, predicted: np.ndarray, level: float
) -> None:
    place = place_of(BrushReach.REGION)
    probability = read_probability(result, place.box)
    assert_array_equal(probability, result.mean_probability[(slice(None), *place.box.slices)])
    contour = find_contour(place, predicted, probability, 1, level)
    assert contour.change is not None
    after = applied(contour.change, predicted)
    inside = np.zeros(SHAPE, bool)
    inside[BOX.slices] = place.may_change
    within = np.zeros(SHAPE, bool)
    within[BOX.slices] = contour.within
    assert_array_equal((after == 1)[inside], within[inside])
    assert_array_equal(after[~inside], predicted[~inside])
    assert contour.grown == ((after == 1) & (predicted != 1)).sum()
    assert (contour.grown > 0) == (level < 0.5)  # no more than half is likelier than the rest
    assert contour.shrunk == ((after != 1) & (predicted == 1)).sum()
    again = find_contour(place, after, probability, 1, level)
    assert (again.change, again.grown, again.shrunk) == (None, 0, 0)
    assert_array_equal(again.within, contour.within)


def test_probabilities_of_another_box_are_refused(result: Result, predicted: np.ndarray) -> None:
    with pytest.raises(SettingsError, match="probabilities must be those of a box"):
        find_contour(place_of(BrushReach.BOX), predicted, np.zeros((3, 1, 1, 1)), 1, 0.5)
