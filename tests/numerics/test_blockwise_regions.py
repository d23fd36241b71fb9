"""Regions labelled slab by slab against those of the component tree."""

import cc3d
import numpy as np
import pytest

from napari_bayesseg.numerics.blockwise_regions import find_regions_blockwise, label_components
from napari_bayesseg.numerics.sparse_voxels import SparseVoxels
from tests.numerics.partitions import assert_same_partition
from tests.numerics.test_component_tree import image_of, pieces_of, tree_of
from tests.numerics.test_regions import noisy_maps

CUBIC = (1.0, 1.0, 1.0)


@pytest.mark.parametrize("depth", [1, 2, 5, 9, 100, None])
def test_components_do_not_depend_on_the_slabs(depth):
    rng = np.random.default_rng(0)
    kinds = np.where(rng.random((18, 21, 20)) < 0.25, rng.integers(1, 4, (18, 21, 20)), 0)
    voxels = SparseVoxels.where(kinds > 0)
    labels = label_components(voxels, kinds[kinds > 0].astype(np.int32), depth)
    image = np.zeros(kinds.shape, np.int64)
    image[kinds > 0] = labels + 1
    assert_same_partition(image, cc3d.connected_components(kinds.astype(np.uint8), connectivity=26))


@pytest.mark.parametrize("depth", [1, 3, 7, None])
@pytest.mark.parametrize("spacing", [CUBIC, (3.0, 1.0, 0.5)])
def test_regions_are_those_of_the_tree(spacing, depth):
    measure, error, _ = noisy_maps(8, (24, 40, 44), 1.6)
    extent, h = 9.0, 0.4
    tree = tree_of(measure, error, -0.5, extent, spacing, h)
    pieces = pieces_of(tree.voxels, tree.values, -0.5, spacing, extent, h)
    for wanted in (-0.5, 0.4, 1.0):
        threshold = tree.levels.snap(wanted)
        above = tree.values > np.float32(threshold)
        voxels = SparseVoxels.of(tree.voxels.shape, tree.voxels.indices[above])
        found = find_regions_blockwise(
            voxels, tree.values[above], tree.expected_error[above], pieces, spacing, extent, 3,
            depth=depth,
        )  # fmt: skip
        expected = tree.regions(threshold, 3)
        assert_same_partition(image_of(found), image_of(expected))
        np.testing.assert_allclose(found.errors, expected.errors, rtol=1e-9)
        np.testing.assert_allclose(np.sort(found.sums), np.sort(expected.sums), rtol=1e-9)
        peaks = [g.voxels.indices[np.sort(g.peaks)].tolist() for g in (found, expected)]
        assert peaks[0] == peaks[1]
        assert sorted(found.boxes.tolist()) == sorted(expected.boxes.tolist())


def test_nothing_above_the_threshold():
    nothing = SparseVoxels.where(np.zeros((3, 4, 5), bool))
    pieces = pieces_of(nothing, np.zeros(0, np.float32), 0.0, CUBIC, 9.0, 0.1)
    none = np.zeros(0, np.float32)
    assert find_regions_blockwise(nothing, none, none, pieces, CUBIC, 9.0).size == 0
