from __future__ import annotations

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.inference.plan import BlockPlan
from napari_bayesseg.posteriors.ensemble import EnsemblePosterior
from napari_bayesseg.posteriors.flips import FlipPosterior, flip_axes
from napari_bayesseg.posteriors.network import padded_shape
from napari_bayesseg.posteriors.planar import PlanarPosterior
from napari_bayesseg.posteriors.protocol import Posterior
from tests.models import METHODS, small_network

SHAPE: Index3 = (13, 22, 27)
WHOLE = Roi.whole(SHAPE)


def voxels(stride: Index3) -> np.ndarray:
    extent = padded_shape(SHAPE, stride)
    return np.random.default_rng(0).standard_normal(extent).astype(np.float32)


def probabilities(
    posterior: Posterior, box: Roi, index: int, scan: np.ndarray, shape: Index3 = SHAPE
) -> np.ndarray:
    features = posterior.prepare(box, shape, lambda roi: np.ascontiguousarray(scan[roi.slices]))
    return posterior.draw(index, seed=2).probabilities(features)


def ensemble() -> EnsemblePosterior:
    members = [small_network("ensemble", seed) for seed in range(2)]
    return EnsemblePosterior([PlanarPosterior(n, is_member=True) for n in members])


@pytest.mark.parametrize("method", [*METHODS, "ensemble"])
def test_a_draw_is_the_base_on_the_mirrored_padded_scan(method: str) -> None:
    base = ensemble() if method == "ensemble" else PlanarPosterior(small_network(method))
    flipped = FlipPosterior(base, "zx")
    scan = voxels(base.stride)
    extent: Index3 = (scan.shape[0], scan.shape[1], scan.shape[2])
    for index in range(8 if method == "ensemble" else 4):
        axes = flipped.combinations[(index // 2 if method == "ensemble" else index) % 4]
        mirrored = np.ascontiguousarray(np.flip(scan, axes))
        own = index % 2 if method == "ensemble" else index
        through = probabilities(base, Roi.whole(extent), own, mirrored, extent)
        expected = np.flip(through, tuple(axis + 1 for axis in axes))[(slice(None), *WHOLE.slices)]
        found = probabilities(flipped, WHOLE, index, scan)
        np.testing.assert_array_equal(found, expected)


def test_tiles_are_exact_to_the_bit() -> None:
    posterior = FlipPosterior(PlanarPosterior(small_network()), "zyx")
    scan = voxels(posterior.stride)
    for index in (0, 3, 7):
        whole = probabilities(posterior, WHOLE, index, scan)
        for block in BlockPlan(SHAPE, WHOLE, (8, 12, 16)).blocks():
            found = probabilities(posterior, block.core, index, scan)
            np.testing.assert_array_equal(found, whole[(slice(None), *block.core.slices)])


def test_the_draws_are_counted() -> None:
    assert FlipPosterior(PlanarPosterior(small_network()), "zyx").num_distinct is None
    assert FlipPosterior(ensemble(), "yx").num_distinct == 8
    assert FlipPosterior(ensemble(), "yx").combinations[0] == ()


def test_only_the_box_that_was_said_is_read() -> None:
    posterior = FlipPosterior(PlanarPosterior(small_network()), "zyx")
    scan, asked = voxels(posterior.stride), []
    box = Roi((1, 2, 3), (5, 9, 12))

    def read(roi: Roi) -> np.ndarray:
        asked.append(roi)
        return np.ascontiguousarray(scan[roi.slices])

    features = posterior.prepare(box, SHAPE, read)
    for index in range(8):
        posterior.draw(index, seed=0).probabilities(features)
    assert asked == [posterior.read_roi(box, SHAPE)]


@pytest.mark.parametrize("axes", ["q", "zz", "zyxw"])
def test_other_letters_are_refused(axes: str) -> None:
    with pytest.raises(SettingsError, match="letters of the axes"):
        FlipPosterior(PlanarPosterior(small_network()), axes)
    with pytest.raises(SettingsError, match="none"):
        FlipPosterior(PlanarPosterior(small_network()), "")
    assert flip_axes("xz") == (0, 2)
