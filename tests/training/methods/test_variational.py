from __future__ import annotations

import pytest
import torch

from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.losses import cross_entropy
from napari_bayesseg.training.methods.variational import Variational
from napari_bayesseg.training.objective import TrainingBatch
from tests.training.cases import tiny_settings


def test_the_weight_of_the_kl_rises_and_stays() -> None:
    settings = tiny_settings(steps=100, kl_weight=0.5, kl_ramp_fraction=0.3)
    network = VNet(settings.network_spec(2))
    objective = Variational(network, torch.Generator(), settings, 1000)
    weights = [objective.kl_weight(step) for step in (0, 14, 29, 30, 99)]
    assert weights == pytest.approx([0.5 / 30, 0.25, 0.5, 0.5, 0.5])


def test_the_loss_is_the_free_energy_per_voxel() -> None:
    settings = tiny_settings(steps=10, kl_weight=0.7, kl_ramp_fraction=0.0)
    torch.manual_seed(0)
    network = VNet(settings.network_spec(2))
    batch = TrainingBatch(torch.randn(2, 1, 8, 8, 8), torch.randint(0, 2, (2, 8, 8, 8)))
    objective = Variational(network, torch.Generator().manual_seed(1), settings, 12_345)
    loss = objective.loss(batch, 0)
    outputs = network(batch.images, torch.Generator().manual_seed(1))
    plain, kl = cross_entropy(outputs, batch.labels), network.kl_divergence()
    torch.testing.assert_close(loss.total, plain + 0.7 * kl / 12_345)
    torch.testing.assert_close(loss.terms["kl_per_voxel"], kl / 12_345)
