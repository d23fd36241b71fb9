from __future__ import annotations

import cc3d
import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.numerics.label_difference import DifferenceCounter, LabelDifference
from napari_bayesseg.numerics.overlap import dice_per_class


def count(first, second, valid, height: int, most: int = 50) -> LabelDifference:
    counter = DifferenceCounter(3)
    for low in range(0, first.shape[0], height):
        part = slice(low, low + height)
        counter.update(first[part], second[part], valid[part])
    return counter.result(most)


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    first = rng.integers(0, 3, (23, 17, 19)).astype(np.uint8)
    second = np.where(rng.random(first.shape) < 0.08, (first + 1) % 3, first).astype(np.uint8)
    second[4:15, 6, 8] = (first[4:15, 6, 8] + 2) % 3  # a rod through several slabs
    return first, second, rng.random(first.shape) < 0.95


@pytest.mark.parametrize("height", [1, 3, 8, 23])
def test_numbers_are_those_of_whole_arrays(pair, height: int) -> None:
    first, second, valid = pair
    found = count(first, second, valid, height, most=10_000)
    assert found.voxel_count == valid.sum()
    assert found.differing == ((first != second) & valid).sum()
    assert found.share == pytest.approx(found.differing / found.voxel_count)
    np.testing.assert_allclose(found.dice, dice_per_class(first[valid], second[valid], 3))
    for a in range(3):
        for b in range(3):
            assert found.confusion[a, b] == ((first == a) & (second == b) & valid).sum()


@pytest.mark.parametrize("height", [1, 3, 8, 23])
def test_places_are_the_components_of_the_whole(pair, height: int) -> None:
    first, second, valid = pair
    differs = (first != second) & valid
    labels, total = cc3d.connected_components(
        differs.astype(np.uint8), connectivity=26, return_N=True
    )
    found = count(first, second, valid, height, most=10_000)
    assert found.num_places == len(found.places) == total
    sizes = [place.voxel_count for place in found.places]
    assert sizes == sorted(sizes, reverse=True)
    seen = set()
    for place in found.places:
        label = labels[place.position]
        assert label > 0
        seen.add(int(label))
        where = np.argwhere(labels == label)
        assert place.voxel_count == len(where)
        assert place.box == Roi(tuple(where.min(axis=0)), tuple(where.max(axis=0) + 1))
    assert len(seen) == total
    assert count(first, second, valid, height, most=4).places == found.places[:4]


def test_the_position_is_in_the_largest_slice_and_the_pair_is_the_frequent_one() -> None:
    first = np.zeros((6, 9, 9), np.uint8)
    second = first.copy()
    second[1, 4, 4] = 1
    second[2, 2:7, 2:7] = 2
    second[3, 4, 4] = 1
    found = count(first, second, np.ones(first.shape, bool), 6)
    (place,) = found.places
    assert place.position == (2, 4, 4)
    assert place.classes == (0, 2)
    assert place.voxel_count == 27


def test_equal_ones_differ_nowhere_and_none_share_nothing() -> None:
    same = np.ones((2, 3, 4), np.uint8)
    found = count(same, same, np.ones(same.shape, bool), 1)
    assert (found.differing, found.places, found.share) == (0, (), 0.0)
    assert found.dice[1] == 1.0
    assert np.isnan(found.dice[0])
    assert np.isnan(count(same, same, np.zeros(same.shape, bool), 1).share)


def test_other_shapes_and_labels_are_refused() -> None:
    counter = DifferenceCounter(2)
    zeros = np.zeros((1, 2, 2), np.uint8)
    with pytest.raises(SettingsError, match="one shape"):
        counter.update(zeros, np.zeros((1, 2, 3), np.uint8), np.ones((1, 2, 2), bool))
    with pytest.raises(SettingsError, match="0 to 1; got 2 to 2"):
        counter.update(zeros + 2, zeros, np.ones((1, 2, 2), bool))
