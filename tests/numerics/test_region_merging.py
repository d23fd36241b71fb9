"""Merged regions against brute force."""

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics import region_merging
from napari_bayesseg.numerics.region_merging import merge_near
from tests.numerics.partitions import assert_same_partition
from tests.numerics.test_component_tree import image_of, tree_of
from tests.numerics.test_regions import noisy_maps


def brute_force(image, spacing, distance):
    """Join all labels with voxels at most a distance apart."""
    names = [n for n in np.unique(image) if n]
    places = {n: np.argwhere(image == n) * np.array(spacing) for n in names}
    owner = {n: n for n in names}
    for a in names:
        for b in names:
            gaps = np.linalg.norm(places[a][:, None] - places[b][None], axis=-1)
            if a < b and gaps.min() <= distance + 1e-9:
                old, new = owner[b], owner[a]
                owner = {n: new if o == old else o for n, o in owner.items()}
    return np.vectorize(lambda n: owner.get(n, 0))(image)


@pytest.mark.parametrize(
    ("spacing", "distance"), [((1.0, 1.0, 1.0), 2.3), ((3.0, 1.0, 0.5), 3.0), ((1, 1, 1), 0.5)]
)
def test_regions_nearer_than_the_distance_are_one(spacing, distance):
    measure, error, _ = noisy_maps(3, (12, 14, 16))
    tree = tree_of(measure, error, 1.2, 1e9, spacing)
    groups = tree.regions(1.2)
    merged = merge_near(groups, tree.values, spacing, distance, 1e9)
    image = image_of(groups)
    assert_same_partition(image_of(merged), brute_force(image, spacing, distance))
    assert (merged.size < groups.size) == (distance > 1)
    assert merged.errors.sum() == pytest.approx(groups.errors.sum())
    assert np.all(np.diff(merged.errors) <= 0)
    found = image_of(merged)
    for group in range(merged.size):
        inside = found == group + 1
        places = np.argwhere(inside)
        assert merged.boxes[group].tolist() == [*places.min(0), *(places.max(0) + 1)]
        values = np.where(inside, measure, -np.inf)
        assert merged.voxels.indices[merged.peaks[group]] == values.argmax()
        assert merged.sums[group] == pytest.approx(measure[inside].sum(dtype=np.float64))


def test_a_little_room_for_pairs_is_enough(monkeypatch):
    measure, error, _ = noisy_maps(7, (8, 20, 24))
    tree = tree_of(measure, error, 1.0, 6.0, (2.0, 1.0, 0.7))
    groups = tree.regions(1.0)
    expected = merge_near(groups, tree.values, (2.0, 1.0, 0.7), 2.5, 8.0)
    assert expected.size < groups.size
    monkeypatch.setattr(region_merging, "_ROOM", 200)
    found = merge_near(groups, tree.values, (2.0, 1.0, 0.7), 2.5, 8.0)
    np.testing.assert_array_equal(image_of(found), image_of(expected))


def test_nothing_longer_than_the_extent_comes_out():
    measure, error, _ = noisy_maps(4, (12, 40, 40))
    tree = tree_of(measure, error, 1.0, 8.0)
    merged = merge_near(tree.regions(1.0), tree.values, (1, 1, 1), 3.0, 8.0)
    assert merged.size < tree.regions(1.0).size
    assert (merged.boxes[:, 3:] - merged.boxes[:, :3]).max() <= 8


def test_what_is_small_after_merging_is_left_out():
    measure, error, _ = noisy_maps(5, (12, 20, 20))
    tree = tree_of(measure, error, 1.2, 1e9)
    groups = tree.regions(1.2)
    every = merge_near(groups, tree.values, (1, 1, 1), 2.0, 1e9)
    large = merge_near(groups, tree.values, (1, 1, 1), 2.0, 1e9, 15)
    assert large.counts.tolist() == [n for n in every.counts.tolist() if n >= 15]
    assert 0 < large.size < every.size


def test_a_distance_of_too_many_voxels_is_refused():
    measure, error, _ = noisy_maps(6, (6, 8, 8))
    tree = tree_of(measure, error, 1.0, 1e9)
    with pytest.raises(SettingsError, match=r"merge_distance must span fewer than .* voxels; 50"):
        merge_near(tree.regions(1.0), tree.values, (1, 1, 1), 50.0, 1e9)
