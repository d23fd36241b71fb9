"""The transform of all classes at once against one per class by scipy, and by brute force."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, gaussian_filter

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.boundary_distance import distance_to_boundary


def phases(seed, shape, num_classes, smoothness=1.5):
    field = gaussian_filter(np.random.default_rng(seed).normal(size=shape), smoothness)
    edges = np.quantile(field, np.arange(1, num_classes) / num_classes)
    return np.digitize(field, edges).astype(np.uint8)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 1.0, 0.7), (0.1, 3.0, 1.0)])
@pytest.mark.parametrize("num_classes", [2, 3, 5])
@pytest.mark.parametrize("shape", [(14, 17, 19), (1, 30, 31), (9, 1, 40)])
def test_equals_one_transform_per_class(spacing, num_classes, shape):
    labels = phases(num_classes, shape, num_classes)
    expected = np.zeros(shape)
    for c in range(num_classes):
        inside = labels == c
        expected[inside] = distance_transform_edt(inside, sampling=spacing)[inside]
    np.testing.assert_allclose(distance_to_boundary(labels, spacing), expected, rtol=1e-6)


def test_equals_brute_force_on_noise():
    labels = np.random.default_rng(0).integers(0, 3, (5, 6, 7)).astype(np.int16)
    labels[1:4, 1:5, 2:6] = 1
    spacing = np.array([2.0, 1.0, 1.5])
    places = np.argwhere(labels >= 0) * spacing
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    apart[labels.ravel()[:, None] == labels.ravel()[None]] = np.inf
    found = distance_to_boundary(labels, tuple(spacing))
    np.testing.assert_allclose(found.ravel(), apart.min(axis=1), rtol=1e-6)


def test_a_single_class_is_as_far_as_the_diagonal():
    found = distance_to_boundary(np.ones((3, 4, 12), dtype=np.uint8), (1.0, 1.0, 1.0))
    assert np.all(found == 13.0)


def test_the_edge_of_the_unpredicted_part_is_no_boundary():
    labels = np.zeros((1, 1, 12), dtype=np.uint8)
    labels[0, 0, 4:] = 1
    valid = np.ones(labels.shape, dtype=bool)
    labels[0, 0, 8:], valid[0, 0, 8:] = 0, False
    found = distance_to_boundary(labels, (1.0, 1.0, 1.0), valid)[0, 0]
    np.testing.assert_array_equal(found, [4, 3, 2, 1, 1, 2, 3, 4] + 4 * [np.nan])


def test_refusals():
    with pytest.raises(SettingsError, match="spacing positive"):
        distance_to_boundary(np.zeros((2, 2, 2), dtype=np.uint8), (0.0, 1.0, 1.0))
    with pytest.raises(SettingsError, match=r"\(Z, Y, X\)"):
        distance_to_boundary(np.zeros((2, 2), dtype=np.uint8), (1.0, 1.0, 1.0))
