from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from napari_bayesseg.networks.normalisation import GroupNorm, set_statistics, statistics_of
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.method_settings import MeanTeacherSettings
from napari_bayesseg.training.methods.mean_teacher import (
    MeanTeacher,
    consistency_loss,
    consistency_weight,
    ema_decay,
    ramp_up,
    uncertainty_threshold,
)
from napari_bayesseg.training.objective import TrainingBatch
from tests.training.cases import tiny_settings

PUBLISHED = MeanTeacherSettings(
    num_samples=8,
    input_noise=0.1,
    ema_decay=0.99,
    consistency_weight=0.1,
    consistency_ramp=1.0,
    threshold_ramp=1.0,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_ramp_is_a_gaussian_that_ends_at_one() -> None:
    assert ramp_up(0, 40) == pytest.approx(0.006737947)  # e^-5
    assert ramp_up(20, 40) == pytest.approx(0.286504797)  # e^-1.25: the square counts
    assert ramp_up(40, 40) == ramp_up(99, 40) == 1.0


def test_over_6000_steps_weight_and_threshold_are_the_published_ones() -> None:
    """lambda = 0.1 r(step // 150, 40) and H = (0.75 + 0.25 r(step, 6000)) ln 2, at every step."""

    def r(t: float, length: float) -> float:
        return math.exp(-5 * (1 - t / length) ** 2)

    for step in range(6000):
        weight = consistency_weight(PUBLISHED, step, 6000)
        assert weight == pytest.approx(0.1 * r(step // 150, 40), rel=1e-12)
        threshold = uncertainty_threshold(PUBLISHED, step, 6000, 2)
        assert threshold == pytest.approx((0.75 + 0.25 * r(step, 6000)) * math.log(2), rel=1e-12)


def test_ramps_are_shares_of_the_run() -> None:
    short = MeanTeacherSettings(consistency_ramp=0.4, threshold_ramp=0.5)
    assert consistency_weight(short, 40, 100) == consistency_weight(short, 99, 100) == 0.1
    assert consistency_weight(short, 20, 100) == pytest.approx(0.1 * ramp_up(20, 40))
    assert uncertainty_threshold(short, 50, 100, 5) == pytest.approx(math.log(5))


def test_the_teacher_starts_as_the_student_and_slows_down() -> None:
    decays = [ema_decay(PUBLISHED, step) for step in (0, 1, 9, 98, 99, 5000)]
    assert decays == pytest.approx([0.0, 0.5, 0.9, 1 - 1 / 99, 0.99, 0.99])


def test_consistency_by_hand() -> None:
    """Three voxels, two of them certain: squares 0.02 and 0.18 over both classes."""

    def volume(*foreground: float) -> Tensor:
        p = torch.tensor(foreground, dtype=torch.float64)
        return torch.stack([1 - p, p])[None, :, None, None, :]

    entropy = torch.tensor([0.1, 0.69, 0.5], dtype=torch.float64).reshape(1, 1, 1, 3)
    student, teacher = volume(0.5, 0.0, 0.9), volume(0.6, 1.0, 0.6)
    loss, certain = consistency_loss(student, teacher, entropy, 0.6)
    assert loss.item() == pytest.approx((0.02 + 0.18) / (2 * 2))
    assert certain.item() == pytest.approx(2 / 3)
    nothing, none = consistency_loss(student, teacher, entropy, 0.0)
    assert (nothing.item(), none.item()) == (0.0, 0.0)


def mean_teacher(steps: int = 6000, **changes: object) -> MeanTeacher:
    settings = PUBLISHED.model_copy(update=changes)
    torch.manual_seed(0)
    network = VNet(tiny_settings("ua-mt").network_spec(2))
    return MeanTeacher(network, generator(), settings, steps, generator(1))


def batch() -> TrainingBatch:
    images = torch.randn(2, 1, 8, 8, 8, generator=generator(2))
    labels = torch.randint(0, 2, (2, 8, 8, 8), generator=generator(3))
    return TrainingBatch(images, labels, torch.randn(1, 1, 8, 8, 8, generator=generator(4)))


class Scripted(torch.nn.Module):
    """Stands for a network: gives what it is told, pass by pass, and keeps what it was given."""

    def __init__(self, *foreground: float) -> None:
        super().__init__()
        self.norm = GroupNorm(4, 4)
        self.foreground = list(foreground)
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor, noise: object) -> Tensor:
        p = self.foreground[min(len(self.seen), len(self.foreground) - 1)]
        self.seen.append(images)
        logit = math.log(p / (1 - p))
        return torch.cat([torch.zeros_like(images), torch.full_like(images, logit)], 1)


def test_the_whole_loss_by_hand() -> None:
    """Student 0.9 everywhere; the target pass says 0.7, the 8 others 0.8 in the mean."""
    objective = mean_teacher()
    student = Scripted(0.9)
    teacher = Scripted(0.7, 0.65, *[0.8] * 6, 0.95)
    objective.network, objective.teacher = student, teacher  # type: ignore[assignment]
    found = batch()
    loss = objective.loss(found, 3000)
    n = found.labels.numel()
    k = int(found.labels.sum())
    plain = -(k * math.log(0.9) + (n - k) * math.log(0.1)) / n
    dice = 1 - 2 * 0.9 * k / (0.81 * n + k)
    lam = 0.1 * math.exp(-5 * 0.5**2)
    assert loss.terms["cross_entropy"].item() == pytest.approx(plain, rel=1e-5)
    assert loss.terms["dice_loss"].item() == pytest.approx(dice, rel=1e-5)
    assert loss.terms["consistency"].item() == pytest.approx(2 * 0.2**2 / 2, rel=1e-4)
    assert loss.terms["certain_share"].item() == 1.0  # H(0.8) = 0.500 < 0.569
    assert loss.total.item() == pytest.approx(0.5 * (plain + dice) + lam * 0.04, rel=1e-5)
    assert len(teacher.seen) == 9
    early = mean_teacher()
    early.network, early.teacher = Scripted(0.9), Scripted(0.5)  # type: ignore[assignment]
    terms = early.loss(found, 0).terms
    assert (terms["certain_share"].item(), terms["consistency"].item()) == (0.0, 0.0)


def test_every_pass_of_the_teacher_sees_noise_of_its_own_clipped_at_twice_its_scale() -> None:
    objective, found = mean_teacher(), batch()
    teacher = Scripted(0.5)
    objective.teacher = teacher  # type: ignore[assignment]
    objective.loss(found, 0)
    assert found.unlabelled is not None
    noise = torch.stack([image - found.unlabelled for image in teacher.seen])
    assert noise.abs().max() <= 0.2 + 1e-6
    assert (noise.abs() > 0.199).float().mean() == pytest.approx(0.0466, abs=0.01)  # beyond 2 sigma
    assert noise.std().item() == pytest.approx(0.0959, abs=0.003)  # of the clipped Gaussian
    assert not torch.equal(noise[0], noise[1])


def test_only_the_student_learns_and_the_teacher_follows() -> None:
    objective = mean_teacher()
    objective.loss(batch(), 10).total.backward()
    assert all(p.grad is not None for p in objective.network.parameters())
    assert all(p.grad is None for p in objective.teacher.parameters())
    before = [p.detach().clone() for p in objective.teacher.parameters()]
    with torch.no_grad():
        for parameter in objective.network.parameters():
            parameter += 1.0
    objective.after_step(3)  # decay 0.75
    for old, new in zip(before, objective.teacher.parameters(), strict=True):
        torch.testing.assert_close(new, old + 0.25)
    objective.after_step(0)
    for student, teacher in zip(
        objective.network.parameters(), objective.teacher.parameters(), strict=True
    ):
        assert torch.equal(student, teacher)


def test_the_teacher_normalises_as_the_student_does_but_never_averages() -> None:
    objective = mean_teacher(num_samples=2)
    counts = []
    for mode, expected in (("accumulating", "live"), ("population", "population")):
        set_statistics(objective.network, mode)  # type: ignore[arg-type]
        objective.loss(batch(), 0)
        assert statistics_of(objective.network) == mode
        assert statistics_of(objective.teacher) == expected
        counts.append([float(m.count) for m in _norms(objective.teacher)])
        objective.after_step(0)
    assert not any(counts[0])
    for own, students in zip(_norms(objective.teacher), _norms(objective.network), strict=True):
        assert torch.equal(own.mean, students.mean)
        assert float(own.count) == 1.0


def _norms(network: torch.nn.Module) -> list[GroupNorm]:
    return [m for m in network.modules() if isinstance(m, GroupNorm)]
