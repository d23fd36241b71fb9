from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_bayesseg.training.methods.sghmc import Sghmc

# Per datum: loss = 1/2 (theta - CENTRE)^T PRECISION (theta - CENTRE); N data, prior N(0, s^2).
PRECISION = torch.tensor([[2.0, 0.8], [0.8, 1.0]], dtype=torch.float64)
CENTRE = torch.tensor([1.0, -2.0], dtype=torch.float64)
NUM_DATA, PRIOR_SCALE = 20, 0.5
CHAINS, FRICTION = 4000, 0.1


def exact(temperature: float) -> tuple[Tensor, Tensor]:
    """Mean and covariance of the tempered posterior, in closed form."""
    precision = NUM_DATA * PRECISION + torch.eye(2) / PRIOR_SCALE**2
    mean = torch.linalg.solve(precision, NUM_DATA * PRECISION @ CENTRE)
    return mean, temperature * torch.linalg.inv(precision)


def sample(temperature: float, learning_rate: float, steps: int, start: Tensor) -> Tensor:
    """Final positions of independent chains, ``(chains, 2)``."""
    theta = nn.Parameter(start.repeat(CHAINS, 1))
    sampler = Sghmc(
        [theta],
        learning_rate,
        friction=FRICTION,
        temperature=temperature,
        num_data=NUM_DATA,
        prior_scale=PRIOR_SCALE,
        generator=torch.Generator().manual_seed(3),
    )
    for _ in range(steps):
        offset = theta.detach() - CENTRE
        theta.grad = offset @ PRECISION
        sampler.step()
    return theta.detach()


def assert_samples(found: Tensor, mean: Tensor, covariance: Tensor) -> None:
    """Within 4 standard errors, and the bias of finite steps, 3 %."""
    errors = (covariance.diagonal() / CHAINS).sqrt()
    assert ((found.mean(0) - mean).abs() < 4 * errors).all()
    scale = covariance.diagonal().sqrt()
    wrong = (torch.cov(found.T) - covariance).abs() / torch.outer(scale, scale)
    assert wrong.max() < 4 * math.sqrt(2 / CHAINS) + 0.03


@pytest.mark.parametrize("temperature", [1.0, 0.25])
def test_a_known_gaussian_is_sampled(temperature: float) -> None:
    found = sample(temperature, 0.005, 700, torch.zeros(2, dtype=torch.float64))
    assert_samples(found, *exact(temperature))


@pytest.mark.parametrize("temperature", [1.0, 0.25])
def test_the_library_samples_the_same(temperature: float) -> None:
    """Its step e and friction A are ours by lr = N e^2 and a = e A.

    It moves by the velocity of the step before, so that its bias is larger: smaller steps.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a library that this one is built on
        from posteriors.sgmcmc import sghmc

    def log_posterior(theta: Tensor, batch: object) -> tuple[Tensor, Tensor]:
        offset = theta - CENTRE
        likelihood = -0.5 * NUM_DATA * ((offset @ PRECISION) * offset).sum()
        prior = -0.5 * theta.square().sum() / PRIOR_SCALE**2
        return likelihood + prior, torch.tensor([])

    learning_rate, steps = 0.001, 500
    mean, covariance = exact(temperature)
    scale = covariance.diagonal().sqrt()
    start = mean + scale
    step = math.sqrt(learning_rate / NUM_DATA)
    transform = sghmc.build(
        log_posterior, lr=step, alpha=FRICTION / step, temperature=temperature, momenta=0.0
    )
    torch.manual_seed(5)
    state = transform.init(start.repeat(CHAINS, 1))
    for _ in range(steps):
        state, _ = transform.update(state, None)
    theirs, ours = state.params, sample(temperature, learning_rate, steps, start)
    assert_samples(theirs, mean, covariance)
    assert_samples(ours, mean, covariance)
    apart = (theirs.mean(0) - ours.mean(0)).abs() / scale
    assert apart.max() < 4 * math.sqrt(2 / CHAINS)


def test_two_steps_by_hand() -> None:
    """v <- (1 - a) v - lr (g + wd theta); theta <- theta + v."""
    theta = nn.Parameter(torch.tensor([2.0], dtype=torch.float64))
    sampler = Sghmc(
        [theta],
        0.1,
        friction=0.25,
        temperature=0.0,
        num_data=8,
        prior_scale=0.5,
        generator=torch.Generator(),
    )
    assert sampler.param_groups[0]["weight_decay"] == 0.5  # 1 / (8 * 0.25)
    position, velocity = 2.0, 0.0
    for gradient in (3.0, -1.0):
        theta.grad = torch.tensor([gradient], dtype=torch.float64)
        sampler.step()
        velocity = 0.75 * velocity - 0.1 * (gradient + 0.5 * position)
        position += velocity
        assert theta.item() == pytest.approx(position, rel=1e-12)


def test_the_noise_has_the_published_scale_and_can_be_turned_off() -> None:
    theta = nn.Parameter(torch.zeros(200_000, dtype=torch.float64))
    sampler = Sghmc(
        [theta],
        0.1,
        friction=0.2,
        temperature=0.5,
        num_data=100,
        prior_scale=1.0,
        generator=torch.Generator().manual_seed(0),
    )
    theta.grad = torch.zeros_like(theta)
    sampler.step()
    assert theta.std().item() == pytest.approx(math.sqrt(2 * 0.1 * 0.2 * 0.5 / 100), rel=0.01)
    before = theta.detach().clone()
    sampler.param_groups[0].update(temperature=0.0, weight_decay=0.0)
    sampler.step()
    np.testing.assert_allclose(theta.detach(), before * 1.8, rtol=1e-12)


def test_what_has_no_gradient_stays() -> None:
    theta = nn.Parameter(torch.ones(3))
    rest = {"friction": 0.1, "temperature": 1.0, "num_data": 10, "prior_scale": 1.0}
    sampler = Sghmc([theta], 0.1, generator=torch.Generator(), **rest)
    sampler.step()
    assert torch.equal(theta, torch.ones(3))
