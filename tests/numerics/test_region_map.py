"""The map of regions against the label image that it was made of."""

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.region_map import RegionMap


@pytest.fixture
def labels():
    rng = np.random.default_rng(0)
    return np.where(rng.random((6, 7, 9)) < 0.3, rng.integers(1, 30, (6, 7, 9)), 0)


def test_it_reads_like_the_image(labels):
    found = RegionMap.of_labels(labels)
    assert (found.shape, found.dtype, found.ndim, len(found)) == ((6, 7, 9), np.int32, 3, 6)
    assert (found.size, found.max_id) == (labels.size, labels.max())
    np.testing.assert_array_equal(np.asarray(found), labels)
    for key in (
        np.s_[2],
        np.s_[:, 3],
        np.s_[..., 2:5],
        np.s_[...],
        np.s_[3, ...],
        np.s_[1:4, 2:6, 3:8],
        np.s_[1:4, 2:6, -4:],
        np.s_[5, 6, 8],
        np.s_[-1, :, 2:3],
        np.s_[4:2],
        np.s_[0:99, 3, 0:9],
    ):
        np.testing.assert_array_equal(found[key], labels[key])
        assert np.shape(found[key]) == np.shape(labels[key])


def test_what_it_cant_read_is_refused(labels):
    found = RegionMap.of_labels(labels)
    with pytest.raises(IndexError, match="out of bounds"):
        found[6]
    with pytest.raises(IndexError, match="steps of 1"):
        found[::2]


def test_the_voxels_of_regions(labels):
    found = RegionMap.of_labels(labels)
    ids = [int(n) for n in np.unique(labels)[1:]][::-1]
    voxels, ends = found.voxels_of(ids)
    for name, start, end in zip(ids, [0, *ends[:-1]], ends, strict=True):
        assert sorted(voxels[start:end]) == np.flatnonzero(labels == name).tolist()
    assert [part.size for part in found.voxels_of([])] == [0, 0]
    with pytest.raises(SettingsError, match="there is no region 99"):
        found.voxels_of([99])


def test_without_regions():
    found = RegionMap.empty((2, 3, 4))
    assert found.max_id == 0
    assert not np.asarray(found).any()
