"""Hot spots against scikit-image's h-maxima."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import h_maxima

from napari_bayesseg.numerics.hot_spots import label_hot_spots

EVERYWHERE = np.ones((3, 3, 3))


def basins_of(field, inside, h):
    """Labels of the voxels `inside`, in their order."""
    heights = field.reshape(-1)[inside].astype(np.float64)
    order = np.argsort(-heights, kind="stable")
    labels = np.empty(inside.size, np.int32)
    labels[order] = label_hot_spots(heights[order], field.shape, inside[order], h)
    return labels


def smooth_noise(seed, shape=(16, 20, 24), smoothness=1.5):
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), smoothness)
    return (field / field.std()).astype(np.float32)


def averaged(field):
    total = ndimage.convolve(field.astype(np.float64), EVERYWHERE, mode="constant")
    return total / ndimage.convolve(np.ones(field.shape), EVERYWHERE, mode="constant")


@pytest.mark.parametrize("h", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_one_basin_per_h_maximum(seed, h):
    field = smooth_noise(seed)
    heights = averaged(field)
    found = basins_of(heights, np.arange(field.size), h).reshape(field.shape)
    maxima, num_maxima = ndimage.label(h_maxima(heights, h, footprint=EVERYWHERE), EVERYWHERE)
    assert found.max() + 1 == num_maxima
    # Each basin holds exactly one of them, and is numbered by its height.
    assert sorted(found[maxima > 0].tolist()) == list(range(num_maxima))
    peaks = ndimage.maximum(heights, found, np.arange(num_maxima))
    assert np.all(np.diff(peaks) <= 0)


def test_basins_are_connected_and_stay_inside():
    field = smooth_noise(5)
    inside = np.flatnonzero(field > 0.2)
    labels = np.zeros(field.shape, dtype=int)
    labels.reshape(-1)[inside] = basins_of(field, inside, 0.2) + 1
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        assert ndimage.label(labels[box] == label, EVERYWHERE)[1] == 1


def test_a_saddle_decides():
    line = np.array([[[0, 0, 0, 9, 9, 9, 5, 5, 5, 7, 7, 7, 0, 0, 0]]], dtype=np.float32)
    inside = np.arange(3, 12)
    assert basins_of(averaged(line), inside, 2.1).tolist() == [0] * 9
    apart = basins_of(averaged(line), inside, 1.9).tolist()
    assert apart[:3] == [0, 0, 0]
    assert apart[-3:] == [1, 1, 1]
