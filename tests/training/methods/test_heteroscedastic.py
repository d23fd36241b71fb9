from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import Tensor

from napari_bayesseg.networks.heteroscedastic import split_outputs
from napari_bayesseg.networks.normalisation import set_statistics
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.methods.heteroscedastic import (
    Heteroscedastic,
    distortion,
    noisy_log_likelihood,
)
from napari_bayesseg.training.objective import TrainingBatch
from tests.training.cases import tiny_settings


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def voxels(*rows: tuple[float, ...]) -> Tensor:
    """One row a voxel, as ``(1, C, 1, 1, voxels)``."""
    return torch.tensor(rows, dtype=torch.float64).T[None, :, None, None, :]


def labels(*values: int) -> Tensor:
    return torch.tensor(values).reshape(1, 1, 1, -1)


def test_the_likelihood_is_the_integral_over_the_noise() -> None:
    """Of two logits only the difference counts, a Gaussian: the sigmoid's mean by quadrature."""
    logits = voxels((0.0, 1.5), (2.0, -1.0), (0.3, 0.3), (-4.0, 3.0))
    sigma = voxels((0.5, 1.0), (2.0, 0.1), (3.0, 3.0), (4.0, 2.0))
    truth = (1, 1, 0, 0)
    found = noisy_log_likelihood(logits, sigma, labels(*truth), 40_000, generator()).flatten()
    for voxel, label in enumerate(truth):
        f, s = logits[0, :, 0, 0, voxel], sigma[0, :, 0, 0, voxel]
        mean, width = float(f[label] - f[1 - label]), float(s.square().sum().sqrt())

        def integrand(z: float, mean: float = mean, width: float = width) -> float:
            density = math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
            return density / (1 + math.exp(-mean - width * z))

        expected = -math.log(quad(integrand, -8, 8)[0])
        assert found[voxel].item() == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("channels", [3, 1])
def test_both_losses_are_their_formulas(channels: int) -> None:
    """In plain NumPy, with the same noise; sigma for each logit or one a voxel."""
    noise = generator(5)
    logits = torch.randn(2, 3, 1, 2, 2, generator=noise, dtype=torch.float64)
    sigma = torch.rand(2, channels, 1, 2, 2, generator=noise, dtype=torch.float64)
    truth = torch.randint(0, 3, (2, 1, 2, 2), generator=noise)
    count, replay = 4, generator(9)
    eps = np.stack(
        [
            torch.randn(logits.shape, generator=replay, dtype=torch.float64).numpy()
            for _ in range(count)
        ]
    )

    def probability(f: np.ndarray) -> np.ndarray:
        exponentials = np.exp(f)
        softmax = exponentials / exponentials.sum(-4, keepdims=True)
        index = np.broadcast_to(truth.numpy()[:, None], (*f.shape[:-4], 1, *f.shape[-3:]))
        return np.take_along_axis(softmax, index, -4).squeeze(-4)

    noisy = probability(logits.numpy() + sigma.numpy() * eps)
    found = noisy_log_likelihood(logits, sigma, truth, count, generator(9))
    np.testing.assert_allclose(found.numpy(), -np.log(noisy.mean(0)))

    plain, change, price = distortion(logits, sigma, truth, count, generator(9))
    u = -np.log(probability(logits.numpy()))
    difference = u + np.log(noisy)
    elu = np.where(difference > 0, difference, np.exp(np.minimum(difference, 0)) - 1)
    np.testing.assert_allclose(plain.numpy(), u)
    np.testing.assert_allclose(change.numpy(), u * (-elu).mean(0))
    np.testing.assert_allclose(price.numpy(), (np.exp(sigma.numpy() ** 2) - 1).mean(1))


def test_no_probability_underflows() -> None:
    logits, sigma = voxels((0.0, 1e4)), voxels((1.0, 1.0))
    wrong = noisy_log_likelihood(logits, sigma, labels(0), 10, generator())
    assert wrong.item() == pytest.approx(1e4, rel=1e-3)
    right = noisy_log_likelihood(logits, sigma, labels(1), 10, generator())
    assert right.item() == pytest.approx(0.0, abs=1e-12)


def objective(loss: str, noise: str = "logit", *, fresh: bool = True) -> Heteroscedastic:
    settings = tiny_settings("heteroscedastic", heteroscedastic={"loss": loss, "noise": noise})
    torch.manual_seed(0)
    network = VNet(settings.network_spec(3))
    return Heteroscedastic(
        network, generator(), settings.heteroscedastic, generator(1), fresh=fresh
    )


def batch() -> TrainingBatch:
    images = torch.randn(2, 1, 8, 8, 8, generator=generator(3))
    truth = torch.randint(-1, 3, (2, 8, 8, 8), generator=generator(4))
    return TrainingBatch(images, truth)


@pytest.mark.parametrize("noise", ["logit", "voxel"])
def test_the_classifiers_weights_are_a_fifth_and_one(noise: str) -> None:
    loss = objective("distortion", noise).loss(batch(), 0)
    plain, change, price = (loss.terms[n] for n in ("cross_entropy", "distortion", "variance"))
    torch.testing.assert_close(loss.total, 0.2 * (change + plain + price) + 1.0 * plain)


@pytest.mark.parametrize("noise", ["logit", "voxel"])
@pytest.mark.parametrize("loss", ["likelihood", "distortion"])
def test_noise_starts_small_and_gets_a_gradient(loss: str, noise: str) -> None:
    trained = objective(loss, noise)
    set_statistics(trained.network, "live")
    outputs = trained.outputs(batch().images)
    _, sigma = split_outputs(outputs, trained.network.spec)
    torch.testing.assert_close(sigma, torch.full_like(sigma, math.exp(-1)))
    trained.loss(batch(), 0).total.backward()
    gradient = trained.network.classifier.weight.grad
    assert gradient is not None
    assert (gradient[3:].flatten(1).abs().sum(1) > 0).all()
    assert torch.isfinite(gradient).all()


def test_a_network_to_start_from_keeps_its_noise() -> None:
    assert not (objective("likelihood", fresh=False).network.classifier.weight[3:] == 0).any()


def test_checkpoints_are_compared_by_the_likelihood_whichever_loss_is_trained() -> None:
    outputs = torch.randn(1, 6, 2, 2, 2, generator=generator())
    truth = torch.randint(0, 3, (1, 2, 2, 2), generator=generator())
    found = [
        objective(loss).likelihood(outputs, truth, generator(7))
        for loss in ("likelihood", "distortion")
    ]
    assert torch.equal(*found)
    unlabelled = truth.clone()
    unlabelled[:, 1] = -1
    half = objective("likelihood").likelihood(outputs, unlabelled, generator(7))
    assert half != found[0]
    assert torch.isfinite(half)
