from __future__ import annotations

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.review.files.crop_boxes import (
    CropChoice,
    CropSettings,
    crop_boxes,
    decided_boxes,
)
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Status
from tests.review.steps import TABLE, decide, paint

WHOLE = Roi((0, 0, 0), (60, 200, 200))
SETTINGS = CropSettings(margin=4, least_shape=(16, 32, 32))


def random_boxes(count: int, seed: int = 0) -> list[Roi]:
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, np.array(WHOLE.stop) - 12, (count, 3))
    sizes = rng.integers(1, 12, (count, 3))
    return [
        Roi(tuple(a), tuple(b))
        for a, b in zip(starts.tolist(), (starts + sizes).tolist(), strict=True)
    ]


@pytest.mark.parametrize("count", [1, 5, 60, 400])
def test_every_place_lies_in_a_crop_with_its_margin_and_none_is_too_small(count: int) -> None:
    places = random_boxes(count)
    crops = crop_boxes(places, WHOLE, SETTINGS)
    assert crops == sorted(crops, key=lambda box: box.start)
    assert crops == crop_boxes(places, WHOLE, SETTINGS)
    for place in places:
        wanted = place.grown((4, 4, 4)).intersection(WHOLE)
        assert any(crop.contains(wanted) for crop in crops)
    for crop in crops:
        assert WHOLE.contains(crop)
        assert all(n >= least for n, least in zip(crop.shape, (16, 32, 32), strict=True))
        assert crop.size <= 8 * 16 * 32 * 32
    for n, one in enumerate(crops):  # what overlaps heavily is one, unless that were too large
        for other in crops[:n]:
            shared = one.intersection(other).size
            if shared >= 0.5 * min(one.size, other.size):
                assert one.union(other).size > 8 * 16 * 32 * 32


def test_neighbours_become_one_and_far_ones_stay_two() -> None:
    near = [Roi((20, 50, 50), (24, 54, 54)), Roi((22, 54, 54), (26, 58, 58))]
    far = Roi((20, 150, 150), (24, 154, 154))
    one, two = crop_boxes([*near, far], WHOLE, SETTINGS)
    assert one.contains(near[0].union(near[1]))
    assert two.shape == (16, 32, 32)
    assert two == Roi((14, 136, 136), (30, 168, 168))


def test_at_the_border_a_crop_is_moved_inside_and_a_small_scan_is_taken_whole() -> None:
    corner = Roi((0, 197, 0), (2, 200, 3))
    assert crop_boxes([corner], WHOLE, SETTINGS) == [Roi((0, 168, 0), (16, 200, 32))]
    flat = Roi((0, 0, 0), (1, 20, 200))
    assert crop_boxes([Roi((0, 5, 5), (1, 6, 6))], flat, SETTINGS)[0].shape == (1, 20, 32)
    processed = Roi((10, 100, 100), (60, 200, 200))
    assert crop_boxes([corner], processed, SETTINGS) == []


def test_a_place_larger_than_a_crop_is_taken_with_its_margin() -> None:
    large = Roi((0, 20, 20), (60, 150, 180))
    assert crop_boxes([large], WHOLE, SETTINGS) == [Roi((0, 16, 16), (60, 154, 184))]


def test_places_count_as_they_stand_now(review: Review) -> None:
    decide(review, [1, 2], Status.ACCEPTED)
    decide(review, [3], Status.REJECTED)
    decide(review, [2], Status.REJECTED)
    decide(review, [4], Status.DEFERRED)
    paint(review, Roi((1, 2, 3), (3, 6, 8)), 2, region=5)
    paint(review, Roi((0, 60, 100), (5, 70, 130)), 1)
    decide(review, [6], Status.REJECTED)
    review.undo()
    decide(review, [3], Status.PENDING)
    box = {region.id: region.box for region in TABLE.regions}
    stroke = Roi((0, 60, 100), (5, 70, 130))
    corrected = decided_boxes(review.history, CropChoice.CORRECTED)
    assert set(corrected) == {box[2], box[5], stroke}
    decided = decided_boxes(review.history, CropChoice.DECIDED)
    assert set(decided) == {box[1], box[2], box[5], stroke}
    assert len(decided) == 4


@pytest.mark.parametrize("changes", [{"margin": -1}, {"least_shape": (0, 1, 1)}])
def test_numbers_out_of_range_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="crop must be"):
        CropSettings(**changes).checked()
