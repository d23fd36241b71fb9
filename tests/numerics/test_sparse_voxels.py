"""Neighbours in the list against a dense search."""

import numpy as np
import pytest

from napari_bayesseg.numerics.sparse_voxels import SparseVoxels, neighbour_places


@pytest.mark.parametrize("shape", [(5, 6, 7), (1, 9, 8), (4, 1, 1), (1, 1, 12)])
@pytest.mark.parametrize("share", [0.1, 0.6, 1.0])
def test_neighbours_are_those_of_a_dense_search(shape, share):
    mask = np.random.default_rng(0).random(shape) < share
    voxels = SparseVoxels.where(mask)
    places = np.full(shape, -1)
    places[mask] = np.arange(voxels.count)
    padded = np.pad(places, 1, constant_values=-1)
    found = np.empty(27, np.int64)
    for place, (z, y, x) in enumerate(np.argwhere(mask)):
        count = neighbour_places(place, voxels.indices, voxels.row_starts, np.array(shape), found)
        around = padded[z : z + 3, y : y + 3, x : x + 3].ravel()
        expected = around[(around >= 0) & (around != place)]
        assert sorted(found[:count].tolist()) == sorted(expected.tolist())


def test_coordinates_and_rows():
    mask = np.zeros((2, 3, 4), bool)
    mask[0, 1, 2] = mask[1, 2, 0] = mask[1, 2, 3] = True
    voxels = SparseVoxels.where(mask)
    assert voxels.coordinates(np.array([0, 2])).tolist() == [[0, 1, 2], [1, 2, 3]]
    assert voxels.row_starts.tolist() == [0, 0, 1, 1, 1, 1, 3]
