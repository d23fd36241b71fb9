import math
import warnings

import numpy as np
import pytest
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance
from scipy.ndimage import binary_erosion, gaussian_filter

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.surface_distance import surface_distance, surface_voxels

SPACINGS = [(1.0, 1.0, 1.0), (2.5, 0.7, 1.1)]


def of_monai(prediction, truth, num_classes, spacing):
    one_hot = [
        torch.tensor(np.eye(num_classes)[labels]).permute(3, 0, 1, 2)[None]
        for labels in (prediction, truth)
    ]
    settings = {"include_background": True, "spacing": spacing}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of MONAI's about its own calls
        far = compute_hausdorff_distance(*one_hot, percentile=95, **settings)
        average = compute_average_surface_distance(*one_hot, symmetric=True, **settings)
    return far[0].tolist(), average[0].tolist()


def blobs(rng, num_classes, shape=(14, 20, 18)):
    """Labels with lumps of every class, some at the border; a moved copy as the other one."""
    field = gaussian_filter(rng.normal(size=(num_classes, *shape)), (0, 2, 2, 2))
    moved = field + 0.3 * gaussian_filter(rng.normal(size=field.shape), (0, 1, 1, 1))
    return moved.argmax(0), field.argmax(0)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("seed", range(3))
def test_both_distances_are_those_of_monai(seed, spacing):
    prediction, truth = blobs(np.random.default_rng(seed), 3)
    far, average = of_monai(prediction, truth, 3, spacing)
    for label in range(3):
        found = surface_distance(prediction, truth, label, spacing)
        assert found.hausdorff_95 == pytest.approx(far[label], rel=1e-5)
        assert found.average == pytest.approx(average[label], rel=1e-5)


def test_boxes_that_stand_apart():
    """Along x by 3 voxels of 2: the near face is 6 away, what both share 0."""
    prediction, truth = np.zeros((2, 9, 9, 30), int)
    truth[2:7, 2:7, 2:7] = prediction[2:7, 2:7, 5:10] = 1
    found = surface_distance(prediction, truth, 1, (1.0, 1.0, 2.0))
    # All of a side that isn't shared is nearer to a face along y or z; farthest is the far face's
    # middle, which is 6 from the other box's face.
    assert found.hausdorff_95 == 6.0
    apart = np.zeros_like(truth)
    apart[2:7, 2:7, 20:25] = 1
    gone = surface_distance(apart, truth, 1, (1.0, 1.0, 2.0))
    # Box to box every voxel goes straight along x to the near face: 2 (20 - 6) = 28 and more.
    xs = 2.0 * (np.arange(20, 25) - 6)
    layers = np.array([25, 16, 16, 16, 25])  # surface voxels of each layer of a cube of 5
    expected = (xs * layers).sum() / layers.sum()
    assert gone.average == pytest.approx(expected)
    assert gone.hausdorff_95 == xs[-1]


def test_planes_in_two_dimensions():
    prediction, truth = np.zeros((2, 1, 12, 12), int)
    truth[0, 4] = prediction[0, 7] = 1
    found = surface_distance(prediction, truth, 1, (99.0, 0.5, 1.0))
    assert found.hausdorff_95 == found.average == 1.5


def test_the_same_has_no_distance(rng):
    labels = blobs(rng, 2)[0]
    found = surface_distance(labels, labels, 1, SPACINGS[1])
    assert found.hausdorff_95 == found.average == 0


def test_a_class_that_is_missing_has_no_distance():
    labels = np.zeros((4, 4, 4), int)
    one = labels.copy()
    one[1, 1, 1] = 1
    for pair in ((labels, one), (one, labels), (labels, labels)):
        found = surface_distance(*pair, 1, SPACINGS[0])
        assert math.isnan(found.hausdorff_95)
        assert math.isnan(found.average)


def test_surfaces_are_what_erosion_takes(rng):
    mask = blobs(rng, 2)[0] > 0
    np.testing.assert_array_equal(surface_voxels(mask), mask & ~binary_erosion(mask))


def test_the_edge_of_what_was_judged_is_no_surface(rng):
    prediction, truth = blobs(rng, 2, (16, 20, 18))
    judged = np.zeros(truth.shape, bool)
    judged[:, 3:, :-4] = True
    found = surface_distance(prediction, truth, 1, SPACINGS[1], judged)
    spoilt = np.where(judged, prediction, 1 - prediction)
    again = surface_distance(spoilt, truth, 1, SPACINGS[1], judged)
    assert found == again
    whole = np.ones_like(truth)
    none = surface_distance(whole, whole, 1, SPACINGS[0], judged)
    assert none.average == 0
    surface = surface_voxels(judged.copy(), judged)
    assert not surface[1:-1, 3:-1, 1:-4].any()
    assert surface[0, 3:, :-4].all()


def test_refusals():
    with pytest.raises(SettingsError, match="one shape"):
        surface_distance(np.zeros((2, 2), int), np.zeros((2, 2), int), 1, SPACINGS[0])
