from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_bayesseg.core.errors import CheckpointError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.inference.plan import BlockPlan
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.posteriors.ensemble import EnsemblePosterior
from napari_bayesseg.posteriors.network import NetworkPosterior, padded_shape
from napari_bayesseg.posteriors.planar import PlanarPosterior
from napari_bayesseg.posteriors.protocol import Posterior
from tests.models import small_network

SHAPE: Index3 = (13, 22, 27)
VARIANTS: list[dict[str, object]] = [{}, {"kernel_size": (1, 3, 3), "pooling": (1, 2, 2)}]


def networks(count: int = 3, **changes: object) -> list[VNet]:
    return [small_network("ensemble", seed, **changes) for seed in range(count)]


def scan(stride: Index3, shape: Index3 = SHAPE) -> np.ndarray:
    padded = padded_shape(shape, stride)
    return np.random.default_rng(0).standard_normal(padded).astype(np.float32)


def probabilities(posterior: Posterior, box: Roi, index: int, seed: int = 0) -> np.ndarray:
    voxels = scan(posterior.stride)
    features = posterior.prepare(box, SHAPE, lambda roi: np.ascontiguousarray(voxels[roi.slices]))
    return posterior.draw(index, seed=seed).probabilities(features)


@pytest.mark.parametrize("changes", VARIANTS)
def test_a_draw_is_the_pass_of_one_member(changes: dict[str, object]) -> None:
    members = networks(**changes)
    posterior = EnsemblePosterior([PlanarPosterior(n, is_member=True) for n in members])
    assert posterior.num_distinct == 3
    voxels = torch.from_numpy(scan(posterior.stride))[None, None].double()
    for index, network in enumerate(networks(**changes)):
        with torch.no_grad():
            expected = torch.softmax(network.double()(voxels, {}), 1)[0]
        found = probabilities(posterior, Roi.whole(SHAPE), index)
        inside = expected[(slice(None), *Roi.whole(SHAPE).slices)]
        np.testing.assert_allclose(found, inside.numpy(), atol=1e-4)
        again = probabilities(posterior, Roi.whole(SHAPE), index + 3, seed=5)
        np.testing.assert_array_equal(again, found)


def test_tiles_are_exact_to_the_bit() -> None:
    posterior = EnsemblePosterior([PlanarPosterior(n, is_member=True) for n in networks()])
    whole = probabilities(posterior, Roi.whole(SHAPE), 1)
    for block in BlockPlan(SHAPE, Roi.whole(SHAPE), (8, 12, 16)).blocks():
        found = probabilities(posterior, block.core, 1)
        np.testing.assert_array_equal(found, whole[(slice(None), *block.core.slices)])


def test_random_members_take_turns_and_never_repeat() -> None:
    members = [NetworkPosterior(small_network("mc-dropout", seed)) for seed in range(2)]
    posterior = EnsemblePosterior(members)
    assert posterior.num_distinct is None
    box = Roi.whole(SHAPE)
    found = probabilities(posterior, box, 3)
    np.testing.assert_array_equal(found, probabilities(members[1], box, 1))
    assert np.abs(found - probabilities(posterior, box, 1)).max() > 1e-3


def test_nothing_is_read_but_what_was_said() -> None:
    posterior = EnsemblePosterior([PlanarPosterior(n, is_member=True) for n in networks()])
    voxels, asked = scan(posterior.stride), []
    box = Roi((2, 3, 4), (9, 12, 17))

    def read(roi: Roi) -> np.ndarray:
        asked.append(roi)
        return np.ascontiguousarray(voxels[roi.slices])

    features = posterior.prepare(box, SHAPE, read)
    for index in range(3):
        posterior.draw(index, seed=0).probabilities(features)
    assert asked == [posterior.read_roi(box, SHAPE)]


def test_every_member_costs_a_whole_pass() -> None:
    members = [PlanarPosterior(n, is_member=True) for n in networks()]
    box = Roi.whole(SHAPE)
    one, all_ = members[0].cost(box, SHAPE), EnsemblePosterior(members).cost(box, SHAPE)
    assert all_.fixed_operations == 0
    assert all_.draw_operations == one.fixed_operations + one.draw_operations
    assert all_.peak_bytes(2) > 2 * one.peak_bytes(1)


def test_one_network_without_randomness_is_no_posterior() -> None:
    with pytest.raises(CheckpointError, match="one draw"):
        EnsemblePosterior([PlanarPosterior(networks(1)[0], is_member=True)])
    with pytest.raises(CheckpointError, match="no random layer"):
        PlanarPosterior(networks(1)[0])
