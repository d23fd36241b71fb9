from __future__ import annotations

import math

import pytest
import torch

from napari_bayesseg.networks.heteroscedastic import split_outputs
from napari_bayesseg.networks.spec import VNetSpec


def spec(noise: str) -> VNetSpec:
    return VNetSpec.model_validate({"num_classes": 3, "decoder": "dropout", "noise": noise})


@pytest.mark.parametrize(("noise", "sigmas"), [("logit", 3), ("voxel", 1)])
def test_logits_come_first_and_sigma_is_the_root_of_the_variance(noise: str, sigmas: int) -> None:
    outputs = torch.randn(2, 3 + sigmas, 2, 3, 4, generator=torch.Generator().manual_seed(0))
    logits, sigma = split_outputs(outputs, spec(noise))
    assert torch.equal(logits, outputs[:, :3])
    torch.testing.assert_close(sigma.square().log(), outputs[:, 3:])


def test_a_variance_out_of_range_is_the_nearest_end() -> None:
    outputs = torch.tensor([0.0, 0.0, 0.0, -100.0, 2.0, 100.0]).reshape(1, 6, 1, 1, 1)
    _, sigma = split_outputs(outputs, spec("logit"))
    expected = torch.tensor([math.exp(-5), math.e, math.exp(2)])
    torch.testing.assert_close(sigma.flatten(), expected)
    assert torch.isfinite(sigma.square().exp()).all()


def test_a_network_without_noise_has_no_sigma() -> None:
    with pytest.raises(ValueError, match="noise = none"):
        split_outputs(torch.zeros(1, 3, 1, 1, 1), spec("none"))
