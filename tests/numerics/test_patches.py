"""Patches against their promise: connected, small enough, nothing lost."""

import numpy as np
import pytest
from scipy import ndimage

from napari_bayesseg.numerics.patches import label_patches

EVERYWHERE = np.ones((3, 3, 3))


def smooth_noise(seed, shape):
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5)
    return (field / field.std()).astype(np.float32)


@pytest.mark.parametrize(
    ("spacing", "extent"),
    [((1.0, 1.0, 1.0), 8.0), ((3.0, 1.0, 0.5), 9.0), ((20.0, 1.0, 1.0), 9.0), ((1.0, 1.0, 1.0), 1)],
)
@pytest.mark.parametrize("share", [0.05, 0.3, 1.0])
def test_patches_are_connected_small_enough_and_lose_nothing(spacing, extent, share):
    field = smooth_noise(7, (14, 30, 33))
    inside = np.flatnonzero(field >= np.quantile(field, 1 - share))
    order = inside[np.argsort(-field.reshape(-1)[inside], kind="stable")]
    basins = (order % 33 > 16).astype(np.int32)
    patches = label_patches(field.shape, order, basins, spacing, extent)
    assert patches.min() == 0
    labels = np.zeros(field.shape, dtype=int)
    labels.reshape(-1)[order] = patches + 1
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        piece = labels[box] == label
        assert ndimage.label(piece, EVERYWHERE)[1] == 1
        for size, step in zip(piece.shape, spacing, strict=True):
            assert size == 1 or size * step <= extent
    for patch in range(patches.max() + 1):
        assert np.unique(basins[patches == patch]).size == 1


def test_patches_are_not_crumbs():
    shape = (40, 40, 40)
    order = np.arange(64_000)
    patches = label_patches(shape, order, np.zeros(order.size, np.int32), (1.0, 1.0, 1.0), 16.0)
    assert patches.max() + 1 < 100
    assert np.median(np.bincount(patches)) > 500
