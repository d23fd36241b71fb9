from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Normal, kl_divergence

from napari_bayesseg.networks.heteroscedastic import class_probabilities
from napari_bayesseg.training.holding import Holding, drift, kl_between, log_probabilities
from napari_bayesseg.training.pieces import confidence
from napari_bayesseg.training.reviewed_patches import ReviewedBatch
from tests.models import small_network, small_spec


def test_kl_between_is_that_of_torch() -> None:
    numbers = torch.Generator().manual_seed(1)
    mean, prior_mean = torch.randn((2, 50), generator=numbers)
    scale, prior_scale = torch.rand((2, 50), generator=numbers) + 0.1
    expected = kl_divergence(Normal(mean, scale), Normal(prior_mean, prior_scale)).sum()
    torch.testing.assert_close(kl_between(mean, scale, prior_mean, prior_scale), expected)
    assert kl_between(mean, scale, mean, scale).item() == pytest.approx(0.0, abs=1e-5)


def test_drift_is_the_weighted_mean_of_the_divergence_of_torch() -> None:
    numbers = torch.Generator().manual_seed(2)
    logits = torch.randn((2, 2, 3, 4, 5, 6), generator=numbers)
    original, student = (torch.log_softmax(part, 1) for part in logits)
    trust = torch.rand((2, 4, 5, 6), generator=numbers)
    each = kl_divergence(*(Categorical(logits=part.movedim(1, -1)) for part in (original, student)))
    torch.testing.assert_close(drift(original, student, trust), (trust * each).sum() / trust.sum())
    assert drift(original, student, torch.zeros_like(trust)) == 0


def test_log_probabilities_are_the_methods_own_likelihood() -> None:
    outputs = torch.randn((1, 6, 2, 2, 2), generator=torch.Generator().manual_seed(3))
    for name, used in (("mc-dropout", outputs[:, :3]), ("heteroscedastic", outputs)):
        spec = small_spec(name)
        expected = class_probabilities(used, spec).log()
        torch.testing.assert_close(log_probabilities(used, spec), expected)
    binary = log_probabilities(outputs[:, :1], small_spec("mc-dropout", num_classes=1))
    torch.testing.assert_close(binary[:, 1].exp(), torch.sigmoid(outputs[:, 0]))
    torch.testing.assert_close(binary.exp().sum(1), torch.ones(1, 2, 2, 2))


def test_confidence_by_hand() -> None:
    probability = np.array([[1.0, 0.5, 0.25, np.nan], [0.0, 0.5, 0.75, np.nan]])
    third = 1 + (0.25 * math.log(0.25) + 0.75 * math.log(0.75)) / math.log(2)
    np.testing.assert_allclose(confidence(probability), [1, 0, third, 0], atol=1e-6)


@pytest.mark.parametrize("method", ["bcnn", "mc-dropout", "heteroscedastic", "ensemble"])
def test_at_first_nothing_is_held_because_nothing_has_moved(method: str) -> None:
    network = small_network(method)
    noise = torch.Generator().manual_seed(4)
    labels = torch.full((2, 8, 8, 8), -1)
    labels[0, :4] = 1
    batch = ReviewedBatch(torch.randn(2, 1, 8, 8, 8), labels, (labels < 0).float())
    holding = Holding(network, noise, consistency_weight=5.0, kl_weight=5.0, num_voxels=256)
    loss = holding.loss(batch)
    assert loss.drift.item() == 0.0  # the very same draw, to the last bit
    assert loss.kl_per_voxel.item() == pytest.approx(0.0, abs=1e-6)
    torch.testing.assert_close(loss.total, loss.cross_entropy)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05)
    moved = holding.loss(batch)
    assert moved.drift.item() > 0
    assert (moved.kl_per_voxel.item() > 0) == (method == "bcnn")
