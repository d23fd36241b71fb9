"""Regions at any threshold against labelling anew, and the numbers of every node."""

import cc3d
import numpy as np
import pytest

from napari_bayesseg.numerics.component_tree import build_component_tree
from napari_bayesseg.numerics.pieces import cell_shape, find_pieces
from napari_bayesseg.numerics.sparse_voxels import SparseVoxels
from napari_bayesseg.numerics.threshold_levels import ThresholdLevels
from tests.numerics.partitions import assert_same_partition
from tests.numerics.test_regions import noisy_maps

CUBIC = (1.0, 1.0, 1.0)


def tree_of(measure, error, floor=0.3, extent=10.0, spacing=CUBIC, h=0.4):
    voxels = SparseVoxels.where(measure > np.float32(floor))
    values = measure.reshape(-1)[voxels.indices]
    errors = error.reshape(-1)[voxels.indices]
    levels = ThresholdLevels.between(floor, float(values.max()))
    pieces = pieces_of(voxels, values, floor, spacing, extent, h)
    return build_component_tree(voxels, values, errors, levels, pieces, spacing, extent)


def pieces_of(voxels, values, floor, spacing, extent, h):
    heights = values - np.float32(floor)
    return find_pieces([(voxels, heights)], voxels.shape, spacing, extent, h)


def image_of(groups):
    image = np.zeros(np.prod(groups.voxels.shape), np.int64)
    image[groups.voxels.indices] = groups.group_of_places() + 1
    return image.reshape(groups.voxels.shape)


def test_uncut_regions_are_those_of_cc3d_at_fifty_random_thresholds():
    measure, error, _ = noisy_maps(7, (30, 34, 38))
    tree = tree_of(measure, error, extent=1e9)
    rng = np.random.default_rng(1)
    for wanted in rng.uniform(0.3, measure.max(), 50):
        threshold = tree.levels.snap(float(wanted))
        groups = tree.regions(threshold)
        expected = cc3d.connected_components(measure > np.float32(threshold), connectivity=26)
        assert_same_partition(image_of(groups), expected)


@pytest.mark.parametrize("spacing", [CUBIC, (3.0, 1.0, 0.5)])
def test_cut_regions_are_the_short_components_and_those_of_the_pieces(spacing):
    measure, error, _ = noisy_maps(8, (24, 40, 44), 1.6)
    extent, h = 9.0, 0.4
    tree = tree_of(measure, error, -0.5, extent, spacing, h)
    found = pieces_of(tree.voxels, tree.values, -0.5, spacing, extent, h)
    pieces = np.zeros(measure.size, np.int64)
    pieces[tree.voxels.indices] = 1 + found.of(tree.voxels)
    pieces = pieces.reshape(measure.shape)
    limits = np.maximum(np.floor(extent / np.array(spacing)), 1)
    num_cut = 0
    for wanted in (-0.5, 0.0, 0.4, 1.0, 1.7):
        threshold = tree.levels.snap(wanted)
        mask = measure > np.float32(threshold)
        expected = cc3d.connected_components(mask, connectivity=26).astype(np.int64)
        boxes = cc3d.statistics(expected.astype(np.uint32))["bounding_boxes"]
        for name, box in enumerate(boxes[1:], 1):
            if any(part.stop - part.start > n for part, n in zip(box, limits, strict=True)):
                inside = expected == name
                parts = cc3d.connected_components(
                    np.where(inside, pieces, 0).astype(np.uint32), connectivity=26
                )
                expected[inside] = 1_000_000 * name + parts[inside].astype(np.int64)
                num_cut += 1
        image = image_of(tree.regions(threshold))
        assert_same_partition(image, expected)
        for box in cc3d.statistics(image.astype(np.uint32))["bounding_boxes"][1:]:
            assert all(p.stop - p.start <= n for p, n in zip(box, limits, strict=True))
    assert num_cut > 3


def test_the_numbers_of_every_region():
    measure, error, _ = noisy_maps(9)
    tree = tree_of(measure, error)
    for threshold in (0.3, 0.9, 1.5):
        groups = tree.regions(threshold)
        image = image_of(groups)
        assert groups.size > 3
        assert np.all(np.diff(groups.errors) <= 1e-9)
        for group in range(groups.size):
            inside = image == group + 1
            values = np.where(inside, measure, -np.inf)
            assert groups.counts[group] == inside.sum()
            assert groups.errors[group] == pytest.approx(error[inside].sum(dtype=np.float64))
            assert groups.sums[group] == pytest.approx(measure[inside].sum(dtype=np.float64))
            assert tree.voxels.indices[groups.peaks[group]] == values.argmax()
            places = np.argwhere(inside)
            assert groups.boxes[group].tolist() == [*places.min(0), *(places.max(0) + 1)]


def test_small_regions_are_left_out():
    measure, error, _ = noisy_maps(10)
    tree = tree_of(measure, error)
    every = tree.regions(0.8)
    large = tree.regions(0.8, 20)
    assert large.counts.tolist() == [n for n in every.counts.tolist() if n >= 20]
    assert 0 < large.size < every.size


def test_regions_only_grow_when_the_threshold_falls_inside_the_pieces():
    measure, error, _ = noisy_maps(11)
    tree = tree_of(measure, error, extent=6.0)
    for level in range(0, tree.levels.thresholds.size - 5, 60):
        lower, higher = (float(t) for t in tree.levels.thresholds[[level, level + 5]])
        below, above = image_of(tree.regions(lower)), image_of(tree.regions(higher))
        assert not ((above > 0) & (below == 0)).any()


def test_cells_are_an_eighth_of_the_extent():
    assert cell_shape(CUBIC, 32.0) == (4, 4, 4)
    assert cell_shape((5.0, 0.8, 0.8), 25.6) == (1, 4, 4)
    assert cell_shape(CUBIC, 5.0) == (1, 1, 1)


def test_what_a_tree_keeps_is_told():
    measure, error, _ = noisy_maps(12)
    tree = tree_of(measure, error)
    assert 20 < tree.nbytes / tree.voxels.count < 400
