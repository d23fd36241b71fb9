from __future__ import annotations

import math

import pytest
import torch

from napari_bayesseg.training.losses import cross_entropy, free_energy


def test_cross_entropy_is_the_mean_of_the_log_probabilities() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, 6, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 3, (2, 4, 5, 6), generator=generator)
    exponentials = logits.exp()
    probabilities = exponentials / exponentials.sum(1, keepdim=True)
    chosen = probabilities.gather(1, labels[:, None])
    torch.testing.assert_close(cross_entropy(logits, labels), -chosen.log().mean())


def test_a_single_logit_is_that_of_class_one_against_class_zero() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 5 * torch.randn(2, 1, 3, 4, 5, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 2, (2, 3, 4, 5), generator=generator)
    foreground = 1 / (1 + (-logits[:, 0]).exp())
    chosen = torch.where(labels == 1, foreground, 1 - foreground)
    torch.testing.assert_close(cross_entropy(logits, labels), -chosen.log().mean())


@pytest.mark.parametrize("classes", [1, 3])
def test_padding_is_left_out(classes: int) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, classes, 4, 4, 4, generator=generator)
    labels = torch.zeros(1, 4, 4, 4, dtype=torch.int64)
    labels[:, 2:] = -1
    logits[:, :, 2:] = 1e3
    torch.testing.assert_close(
        cross_entropy(logits, labels), cross_entropy(logits[:, :, :2], labels[:, :2])
    )


def test_ignorance_costs_the_logarithm_of_the_number_of_classes() -> None:
    labels = torch.zeros(1, 2, 2, 2, dtype=torch.int64)
    for classes, cost in ((1, 2), (2, 2), (5, 5)):
        found = cross_entropy(torch.zeros(1, classes, 2, 2, 2), labels)
        assert found.item() == pytest.approx(math.log(cost))


def test_free_energy_is_a_share_of_the_kl_on_top_of_the_likelihood() -> None:
    found = free_energy(torch.tensor(0.5), torch.tensor(3000.0), weight=0.1, num_voxels=1000)
    assert found.item() == pytest.approx(0.8)
