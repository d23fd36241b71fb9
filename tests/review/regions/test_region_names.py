"""Ids that stay with their places."""

from __future__ import annotations

import numpy as np
import pytest

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.numerics.component_tree import ComponentTree, build_component_tree
from napari_bayesseg.numerics.pieces import find_pieces
from napari_bayesseg.numerics.sparse_voxels import SparseVoxels
from napari_bayesseg.numerics.threshold_levels import ThresholdLevels
from napari_bayesseg.review.regions.region_names import RegionNames

CUBIC = (1.0, 1.0, 1.0)


def tree_of(measure: np.ndarray) -> ComponentTree:
    """The tree of everything above 0, expected error as high as the measure."""
    voxels = SparseVoxels.where(measure > 0)
    values = measure.reshape(-1)[voxels.indices]
    pieces = find_pieces([(voxels, values)], voxels.shape, CUBIC, 1e6, 1e6)
    levels = ThresholdLevels.between(0.0, float(values.max()))
    return build_component_tree(voxels, values, values, levels, pieces, CUBIC, 1e6)


def hills(*peaks: tuple[int, float]) -> np.ndarray:
    """A line with hills of these heights at these places, falling by 0.1 a voxel."""
    x = np.arange(60)
    line = np.max([height - 0.1 * np.abs(x - place) for place, height in peaks], axis=0)
    return np.maximum(line, 0).astype(np.float32)[None, None]


def ids_by_peak(names: RegionNames, tree: ComponentTree, threshold: float) -> dict[int, int]:
    groups = tree.regions(threshold)
    peaks = groups.voxels.indices[groups.peaks].tolist()
    return dict(zip(peaks, names.name(groups).tolist(), strict=True))


def test_ids_count_from_one_by_falling_expected_error() -> None:
    names = RegionNames((1, 1, 60))
    assert ids_by_peak(names, tree_of(hills((10, 0.7), (30, 0.9), (50, 0.5))), 0.05) == {
        30: 1,
        10: 2,
        50: 3,
    }


def test_a_moved_threshold_keeps_ids_and_new_places_get_new_ones() -> None:
    names = RegionNames((1, 1, 60))
    tree = tree_of(hills((10, 0.7), (30, 0.9), (50, 0.5)))
    assert ids_by_peak(names, tree, 0.6) == {30: 1, 10: 2}
    assert ids_by_peak(names, tree, 0.4) == {30: 1, 10: 2, 50: 3}
    assert ids_by_peak(names, tree, 0.8) == {30: 1}
    assert ids_by_peak(names, tree, 0.4) == {30: 1, 10: 2, 50: 3}


def test_places_that_grow_together_and_apart_are_who_they_were() -> None:
    names = RegionNames((1, 1, 60))
    tree = tree_of(hills((10, 0.9), (14, 0.8)))
    assert ids_by_peak(names, tree, 0.75) == {10: 1, 14: 2}
    assert ids_by_peak(names, tree, 0.3) == {10: 1}
    assert ids_by_peak(names, tree, 0.75) == {10: 1, 14: 2}


def test_a_place_that_was_too_small_hands_its_id_on_when_it_grows_into_another() -> None:
    names = RegionNames((1, 1, 60))
    tree = tree_of(hills((10, 0.9), (14, 0.85)))
    groups = tree.regions(0.8, 2)  # only one of the two is large enough to have been seen
    assert groups.size == 0
    assert ids_by_peak(names, tree_of(hills((14, 0.85))), 0.5) == {14: 1}
    assert ids_by_peak(names, tree, 0.3) == {10: 1}


def test_another_run_that_moves_a_maximum_keeps_the_id() -> None:
    names = RegionNames((1, 1, 60))
    assert ids_by_peak(names, tree_of(hills((10, 0.7), (30, 0.9))), 0.3) == {30: 1, 10: 2}
    assert ids_by_peak(names, tree_of(hills((12, 0.7), (31, 0.9), (50, 0.6))), 0.3) == {
        31: 1,
        12: 2,
        50: 3,
    }


def test_two_places_never_share_an_id() -> None:
    names = RegionNames((1, 1, 60))
    joined = tree_of(hills((10, 0.9), (16, 0.85)))
    assert ids_by_peak(names, joined, 0.3) == {10: 1}
    apart = ids_by_peak(names, joined, 0.7)
    assert apart == {10: 1, 16: 2}
    rng = np.random.default_rng(0)
    for seed in range(30):
        measure = np.maximum(rng.normal(size=(5, 9, 11)), 0).astype(np.float32)
        names = RegionNames(measure.shape)
        tree = tree_of(measure)
        for threshold in rng.uniform(0, 2, 6):
            ids = names.name(tree.regions(float(threshold)))
            assert len(set(ids.tolist())) == ids.size, seed


def test_names_survive_being_written_down() -> None:
    names = RegionNames((1, 1, 60))
    tree = tree_of(hills((10, 0.7), (30, 0.9)))
    ids_by_peak(names, tree, 0.3)
    again = RegionNames.from_json((1, 1, 60), names.as_json())
    assert again.count == names.count == 2
    assert ids_by_peak(again, tree_of(hills((10, 0.7), (30, 0.9), (50, 0.6))), 0.3) == {
        30: 1,
        10: 2,
        50: 3,
    }


@pytest.mark.parametrize(
    "values",
    [{}, {"count": 3, "places": "eJw="}, {"count": "x", "places": ""}, {"count": 1, "places": 5}],
)
def test_what_are_no_names_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(StoreError, match="no names of regions"):
        RegionNames.from_json((1, 1, 60), values)


def test_names_of_a_larger_volume_are_refused() -> None:
    names = RegionNames((1, 1, 60))
    ids_by_peak(names, tree_of(hills((10, 0.7), (50, 0.9))), 0.3)
    with pytest.raises(StoreError, match="another volume"):
        RegionNames.from_json((1, 1, 20), names.as_json())
