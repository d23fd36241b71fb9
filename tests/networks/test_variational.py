from __future__ import annotations

import numpy as np
import torch
from torch.distributions import Normal, kl_divergence

from napari_bayesseg.core.seeding import keyed_generator
from napari_bayesseg.networks.variational import (
    VariationalConvolution,
    flipout_signs,
    gaussian_kl_divergence,
)
from napari_bayesseg.networks.window import Patch, Window

NUM_DRAWS = 6000


def layer_and_input() -> tuple[VariationalConvolution, Patch]:
    torch.manual_seed(0)
    layer = VariationalConvolution(2, 3, (2, 3, 3), rho_init=-1.0)
    layer.name = "layer"
    return layer, Patch(torch.randn(1, 2, 4, 4, 4), Window.whole((4, 4, 4)))


def test_kl_is_the_closed_form_of_the_library_summed_over_weights() -> None:
    torch.manual_seed(1)
    mean, scale = torch.randn(50, dtype=torch.float64), torch.rand(50, dtype=torch.float64) + 0.01
    for prior in (1.0, 0.3):
        expected = kl_divergence(Normal(mean, scale), Normal(torch.zeros_like(mean), prior)).sum()
        torch.testing.assert_close(gaussian_kl_divergence(mean, scale, prior), expected)


def test_kl_is_zero_at_the_prior_and_only_there() -> None:
    zero, one = torch.zeros(4), torch.ones(4)
    assert gaussian_kl_divergence(zero, one, 1.0) == 0
    assert gaussian_kl_divergence(zero + 0.1, one, 1.0) > 0
    assert gaussian_kl_divergence(zero, 0.9 * one, 1.0) > 0


def test_signs_are_constant_over_space_and_differ_between_examples_and_channels() -> None:
    signs = flipout_signs(64, 32, torch.Generator().manual_seed(0), torch.zeros(()))
    assert signs.shape == (64, 32, 1, 1, 1)
    assert set(signs.unique().tolist()) == {-1.0, 1.0}
    assert abs(signs.mean().item()) < 0.1


@torch.no_grad()
def test_flipout_has_the_output_distribution_of_weight_sampling() -> None:
    """Mean, variance and spatial covariance of one example's output agree with exact values.

    The output is linear in the weights, so its covariance follows in closed form from the
    patches that each output voxel sees.
    """
    layer, patch = layer_and_input()
    noise = torch.Generator().manual_seed(0)
    flipout = torch.stack(
        [layer(patch, patch.window, noise).data[0].flatten() for _ in range(NUM_DRAWS)]
    ).double()
    sampled = torch.stack(
        [
            layer(patch, patch.window, {"layer": layer.realise(keyed_generator(0, t, "layer"))})
            .data[0]
            .flatten()
            for t in range(NUM_DRAWS)
        ]
    ).double()
    mean, covariance = exact_moments(layer, patch)
    scale = covariance.diagonal().sqrt()
    for outputs in (flipout, sampled):
        error = (outputs.mean(0) - mean).abs() / scale
        assert error.max() < 5 / NUM_DRAWS**0.5
        deviations = (outputs - mean) / scale
        found = deviations.T @ deviations / NUM_DRAWS
        expected = covariance / torch.outer(scale, scale)
        assert (found - expected).abs().max() < 6.5 * (2 / NUM_DRAWS) ** 0.5


def exact_moments(layer: VariationalConvolution, patch: Patch) -> tuple[torch.Tensor, torch.Tensor]:
    padded = torch.nn.functional.pad(patch.data.double(), (1, 1, 1, 1, 0, 1))
    columns = padded.unfold(2, 2, 1).unfold(3, 3, 1).unfold(4, 3, 1)
    columns = columns[0].permute(1, 2, 3, 0, 4, 5, 6).reshape(64, -1)
    means, blocks = [], []
    for channel in range(3):
        weights = layer.mean[channel].double().flatten()
        variances = layer.scale[channel].double().square().flatten()
        means.append(columns @ weights + layer.bias[channel].double())
        blocks.append((columns * variances) @ columns.T)
    return torch.cat(means), torch.block_diag(*blocks)


def test_a_realisation_is_a_function_of_its_key() -> None:
    layer, _ = layer_and_input()
    first = layer.realise(keyed_generator(0, 3, "layer"))
    again = layer.realise(keyed_generator(0, 3, "layer"))
    other = layer.realise(keyed_generator(0, 4, "layer"))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    standardised = ((first - layer.mean) / layer.scale).detach().numpy()
    assert abs(np.std(standardised) - 1) < 0.25
