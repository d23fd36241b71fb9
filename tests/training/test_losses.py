from __future__ import annotations

import math

import pytest
import torch

from napari_bayesseg.training.losses import cross_entropy, dice_loss, free_energy, masked_mean


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


@pytest.mark.parametrize("classes", [1, 3])
def test_a_batch_without_a_label_costs_nothing(classes: int) -> None:
    logits = torch.randn(1, classes, 2, 2, 2, requires_grad=True)
    loss = cross_entropy(logits, torch.full((1, 2, 2, 2), -1))
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_a_masked_mean_is_over_labelled_voxels() -> None:
    values = torch.tensor([1.0, 2.0, float("nan"), 6.0]).reshape(1, 1, 2, 2)
    labels = torch.tensor([0, 1, -1, 0]).reshape(1, 1, 2, 2)
    assert masked_mean(values, labels).item() == 3.0
    assert masked_mean(values, labels.fill_(-1)).item() == 0.0


def test_dice_loss_by_hand() -> None:
    """Two classes from 1; squares below: 2 sum(p g) / (sum p^2 + sum g), averaged."""
    p = torch.tensor([[0.2, 0.5, 1.0, 0.0], [0.3, 0.5, 0.0, 0.0], [0.5, 0.0, 0.0, 1.0]])
    labels = torch.tensor([2, 1, -1, 2]).reshape(1, 1, 2, 2)
    one = 2 * 0.5 / (0.3**2 + 0.5**2 + 1)
    two = 2 * (0.5 + 1.0) / (0.5**2 + 1.0**2 + 2)
    found = dice_loss(p.reshape(1, 3, 1, 2, 2), labels)
    assert found.item() == pytest.approx(1 - (one + two) / 2, rel=1e-4)


def test_dice_loss_is_nothing_for_the_truth() -> None:
    labels = torch.tensor([0, 1, 2, 2]).reshape(1, 1, 2, 2)
    truth = torch.nn.functional.one_hot(labels, 3).permute(0, 4, 1, 2, 3).float()
    assert dice_loss(truth, labels).item() == pytest.approx(0.0, abs=1e-6)
    absent = torch.zeros_like(labels)  # neither there nor predicted: agreed
    nothing = torch.nn.functional.one_hot(absent, 3).permute(0, 4, 1, 2, 3).float()
    assert dice_loss(nothing, absent).item() == pytest.approx(0.0, abs=1e-6)
