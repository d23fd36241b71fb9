from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.numerics.planar.tile import HAS_BFLOAT16
from napari_bayesseg.posteriors.network import NetworkPosterior, padded_shape
from napari_bayesseg.posteriors.planar import PlanarPosterior
from tests.models import METHODS, small_network

SHAPE = (26, 37, 43)
BOXES = [
    Roi((0, 0, 0), (8, 16, 12)),
    Roi((5, 9, 11), (18, 22, 30)),
    Roi((20, 30, 40), SHAPE),
    Roi((0, 36, 0), (26, 37, 43)),
    Roi((13, 13, 13), (14, 14, 14)),
]
# What the networks of the design look like, and what else a spec allows.
VARIANTS: list[dict[str, object]] = [
    {},
    {"num_classes": 1, "head": "reference"},
    {"channels": (12, 20), "num_classes": 9},
    {"kernel_size": (1, 3, 3), "pooling": (1, 2, 2)},
    {"channels": (4, 8), "kernel_size": (3, 5, 7), "pooling": (3, 2, 4)},
]
needs_bfloat16 = pytest.mark.skipif(
    not HAS_BFLOAT16, reason="this processor does not multiply bfloat16 numbers"
)
PRECISIONS = ["float32", pytest.param("bfloat16", marks=needs_bfloat16)]


class Scan:
    """A padded volume of noise."""

    def __init__(self, shape: Index3, stride: Index3, seed: int = 0) -> None:
        padded = padded_shape(shape, stride)
        self.voxels = np.random.default_rng(seed).standard_normal(padded).astype(np.float32)

    def read(self, roi: Roi) -> np.ndarray:
        assert Roi.whole(self.voxels.shape).contains(roi)
        return np.ascontiguousarray(self.voxels[roi.slices])


def reference(network: VNet, scan: Scan, index: int) -> np.ndarray:
    """The draw in double precision by torch, over the whole scan at once."""
    posterior = NetworkPosterior(network, dtype=torch.float64, is_member=True)
    features = posterior.prepare(Roi.whole(SHAPE), SHAPE, scan.read)
    return np.asarray(posterior.draw(index, seed=3).probabilities(features))


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        *itertools.product(METHODS, VARIANTS),
        ("heteroscedastic", {}),
        ("heteroscedastic", {"noise": "voxel", "num_classes": 5}),
        ("ensemble", {}),
    ],
)
def test_every_box_equals_the_whole_volume_in_double_precision(
    method: str, changes: dict[str, object]
) -> None:
    scan = Scan(SHAPE, small_network(method, **changes).spec.stride)
    expected = reference(small_network(method, **changes), scan, 1)
    posterior = PlanarPosterior(small_network(method, **changes), is_member=True)
    draw = posterior.draw(1, seed=3)
    for box in BOXES:
        found = draw.probabilities(posterior.prepare(box, SHAPE, scan.read))
        np.testing.assert_allclose(found, expected[(slice(None), *box.slices)], atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_voxel_has_the_same_bits_in_every_box(method: str, precision: str) -> None:
    posterior = PlanarPosterior(small_network(method), precision=precision)
    scan = Scan(SHAPE, posterior.stride)
    draw = posterior.draw(0, seed=0)
    whole = draw.probabilities(posterior.prepare(Roi.whole(SHAPE), SHAPE, scan.read))
    for box in BOXES:
        found = draw.probabilities(posterior.prepare(box, SHAPE, scan.read))
        np.testing.assert_array_equal(found, whole[(slice(None), *box.slices)])


@pytest.mark.parametrize("method", METHODS)
def test_no_box_reads_more_than_it_says(method: str) -> None:
    posterior = PlanarPosterior(small_network(method))
    scan, asked = Scan(SHAPE, posterior.stride), []
    for box in BOXES:
        posterior.prepare(box, SHAPE, lambda roi: asked.append(roi) or scan.read(roi))
    assert asked == [posterior.read_roi(box, SHAPE) for box in BOXES]


@needs_bfloat16
@pytest.mark.parametrize("method", METHODS)
def test_bfloat16_stays_near(method: str) -> None:
    scan = Scan(SHAPE, small_network(method).spec.stride)
    posterior = PlanarPosterior(small_network(method), precision="bfloat16")
    features = posterior.prepare(Roi.whole(SHAPE), SHAPE, scan.read)
    found = np.mean([posterior.draw(t, seed=3).probabilities(features) for t in range(4)], axis=0)
    expected = np.mean([reference(small_network(method), scan, t) for t in range(4)], axis=0)
    difference = np.abs(found - expected)
    assert 1e-4 < difference.max() < 0.04  # it is another precision, within what is promised
    assert difference.mean() < 0.004


@pytest.mark.parametrize("method", METHODS)
def test_draws_in_threads_and_features_of_several_blocks_do_not_mix(method: str) -> None:
    posterior = PlanarPosterior(small_network(method))
    scan = Scan(SHAPE, posterior.stride)
    features = [posterior.prepare(box, SHAPE, scan.read) for box in BOXES]
    work = list(itertools.product(range(3), range(len(BOXES))))

    def one(pair: tuple[int, int]) -> np.ndarray:
        index, block = pair
        return posterior.draw(index, seed=0).probabilities(features[block])

    alone = [one(pair) for pair in work]
    with ThreadPoolExecutor(4) as pool:
        for found, expected in zip(pool.map(one, work), alone, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_a_channel_that_is_dropped_is_not_summed() -> None:
    posterior = PlanarPosterior(small_network("mc-dropout", dropout_rate=0.5))
    draws = [posterior.draw(t, seed=0) for t in range(8)]
    counts = {draw.weights.head.channels.size for draw in draws}
    assert counts <= set(range(5))
    assert min(counts) < 4
    for draw in draws:
        mask = draw.realisations["decoder.0.dropout"].reshape(-1).numpy()
        np.testing.assert_array_equal(draw.weights.head.channels, np.flatnonzero(mask))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_memory_said_before_is_the_memory_taken(method: str, precision: str) -> None:
    posterior = PlanarPosterior(small_network(method), precision=precision)
    scan, core = Scan(SHAPE, posterior.stride), BOXES[1]
    features = posterior.prepare(core, SHAPE, scan.read)
    cost = posterior.cost(core, SHAPE)
    kept = [*features.skips, *(sums for sums in features.partials if sums is not None)]
    taken = sum(len(words) * words.strides[0] for words in kept)
    assert cost.feature_bytes == taken
    assert cost.peak_bytes(2) >= taken + 2 * cost.draw_bytes
