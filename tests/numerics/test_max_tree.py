"""The max-tree against higra and cc3d, and whatever the blocks."""

import warnings

import cc3d
import numpy as np
import pytest
from scipy import ndimage

from napari_bayesseg.numerics.max_tree import build_max_tree
from napari_bayesseg.numerics.sparse_voxels import SparseVoxels
from tests.numerics.partitions import assert_same_partition

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own docstrings hold escapes that are none
    import higra


def noise(seed, shape=(21, 26, 30), levels=40, floor=0.5):
    """Voxels above a floor, and their levels."""
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.0)
    field = field / field.std()
    voxels = SparseVoxels.where(field > floor)
    heights = field.reshape(-1)[voxels.indices] - floor
    found = np.minimum(heights / heights.max() * levels, levels - 1).astype(np.uint16)
    return voxels, found


def dense(voxels, values, fill=0):
    image = np.full(voxels.shape, fill, np.int64)
    image.reshape(-1)[voxels.indices] = values
    return image


def component_image(tree, voxels, level):
    image = np.zeros(np.prod(voxels.shape), np.int64)
    for name, node in enumerate(tree.components(level), 1):
        members = tree.order[tree.starts[node] : tree.starts[node] + tree.counts[node]]
        image[voxels.indices[members]] = name
    return image.reshape(voxels.shape)


@pytest.mark.parametrize("block", [4, 7, 64])
@pytest.mark.parametrize("seed", range(2))
def test_components_at_every_level_are_those_of_cc3d(seed, block):
    voxels, levels = noise(seed)
    tree = build_max_tree(voxels, levels, block=block, threads=2)
    for level in range(41):
        mask = dense(voxels, levels, -1) >= level
        expected = cc3d.connected_components(mask, connectivity=26)
        assert_same_partition(component_image(tree, voxels, level), expected)


@pytest.mark.parametrize("shape", [(9, 10, 11), (1, 30, 24)])
def test_nodes_are_those_of_higra(shape):
    voxels, levels = noise(3, shape, levels=12, floor=-9.0)
    assert voxels.count == np.prod(shape)
    tree = build_max_tree(voxels, levels, block=5)
    offsets = [o for o in np.ndindex(3, 3, 3) if o != (1, 1, 1)]
    graph = higra.get_nd_regular_graph(shape, [[o - 1 for o in offset] for offset in offsets])
    expected, altitudes = higra.component_tree_max_tree(graph, levels.astype(np.float64))
    areas = higra.attribute_area(expected)
    nodes = slice(expected.num_leaves(), None)
    theirs = sorted(zip(altitudes[nodes], areas[nodes], strict=True))
    ours = sorted(zip(tree.levels.astype(float), tree.counts.astype(float), strict=True))
    assert ours == theirs


def test_groups_are_never_connected():
    voxels, levels = noise(5)
    groups = (voxels.indices % 30 // 8).astype(np.int32)
    tree = build_max_tree(voxels, levels, groups, block=6)
    for level in (0, 9, 25):
        image = dense(voxels, np.where(levels >= level, groups + 1, 0)).astype(np.uint8)
        expected = cc3d.connected_components(image, connectivity=26)
        assert_same_partition(component_image(tree, voxels, level), expected)


def test_nodes_follow_their_parents_and_know_their_voxels():
    voxels, levels = noise(6)
    tree = build_max_tree(voxels, levels, block=8)
    has_parent = tree.parents >= 0
    assert (tree.parents < np.arange(tree.parents.size)).all()
    below = tree.levels[tree.parents[has_parent]]
    np.testing.assert_array_equal(tree.parent_levels[has_parent], below + 1)
    assert (below < tree.levels[has_parent]).all()
    assert (tree.parent_levels[~has_parent] == 0).all()
    np.testing.assert_array_equal(tree.levels[tree.nodes], levels)
    assert sorted(tree.order.tolist()) == list(range(voxels.count))


def test_no_voxel_and_one_voxel():
    nothing = SparseVoxels.where(np.zeros((3, 4, 5), bool))
    assert build_max_tree(nothing, np.zeros(0, np.uint16)).components(0).size == 0
    mask = np.zeros((3, 4, 5), bool)
    mask[1, 2, 3] = True
    tree = build_max_tree(SparseVoxels.where(mask), np.array([4], np.uint16))
    assert [tree.components(level).size for level in (0, 4, 5)] == [1, 1, 0]
