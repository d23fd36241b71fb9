"""Uncertainty-aware mean teacher: learning from scans without labels."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from napari_bayesseg.networks.normalisation import set_statistics, statistics_of
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.losses import cross_entropy, dice_loss
from napari_bayesseg.training.method_settings import MeanTeacherSettings
from napari_bayesseg.training.methods.supervised import Supervised
from napari_bayesseg.training.objective import Loss, TrainingBatch

__all__ = [
    "MeanTeacher",
    "consistency_loss",
    "consistency_weight",
    "ema_decay",
    "ramp_up",
    "uncertainty_threshold",
]

_RAMP_LEVELS = 40
"""The published weight rises in so many stairs: r(step // 150, 40) over 6,000 steps."""


def ramp_up(now: float, length: float) -> float:
    """Return exp(-5 (1 - now / length)^2): e^-5 at 0, 1 from `length` on.

    References
    ----------
    Laine and Aila, "Temporal ensembling for semi-supervised learning", ICLR 2017, section A.
    """
    left = 1.0 - min(max(now / length, 0.0), 1.0)
    return math.exp(-5.0 * left * left)


def consistency_weight(settings: MeanTeacherSettings, step: int, steps: int) -> float:
    """Return lambda during a step, counted from 0, of a run of `steps`."""
    full = settings.consistency_ramp * steps
    stair = int(_RAMP_LEVELS * step / full)
    return settings.consistency_weight * ramp_up(stair, _RAMP_LEVELS)


def uncertainty_threshold(
    settings: MeanTeacherSettings, step: int, steps: int, num_classes: int
) -> float:
    """Return H in nats: voxels whose teacher is less certain don't count.

    From 3/4 of the largest entropy, ln C, to all of it.
    """
    full = settings.threshold_ramp * steps
    return (0.75 + 0.25 * ramp_up(step, full)) * math.log(num_classes)


def ema_decay(settings: MeanTeacherSettings, step: int) -> float:
    """Return the share of the teacher that stays: little at first, so that it starts soon."""
    return min(1.0 - 1.0 / (step + 1), settings.ema_decay)


def consistency_loss(
    student: Tensor, teacher: Tensor, entropy: Tensor, threshold: float
) -> tuple[Tensor, Tensor]:
    """Mean squared difference of probabilities where the teacher is certain, and their share.

    Parameters
    ----------
    student, teacher : (N, C, Z, Y, X)
        Probabilities.
    entropy : (N, Z, Y, X)
        Of the teacher's mean over noisy passes, nats.
    threshold : float
        Voxels of less entropy count.

    References
    ----------
    Yu et al., "Uncertainty-aware self-ensembling model", MICCAI 2019, eq. 3. The 2 of the
    published denominator is its number of classes.
    """
    certain = (entropy < threshold).to(student.dtype)
    squares = (student - teacher).square() * certain[:, None]
    loss = squares.sum() / (student.shape[1] * certain.sum() + 1e-16)
    return loss, certain.mean()


class MeanTeacher(Supervised):
    """A student that learns from labels, and from its own average on scans without labels.

    The student is the result. The teacher is a moving average of its weights; its group
    statistics are those of each patch until the student's own are in force, then the student's.

    Parameters
    ----------
    network : VNet
        The student, with channel dropout and a logit a class.
    noise : torch.Generator
        Of the random layers, on the processor.
    settings : MeanTeacherSettings
    steps : int
        Of the whole run, for the ramps.
    input_noise : torch.Generator
        Of the teacher's input, on the network's device.

    References
    ----------
    Yu et al., MICCAI 2019; Tarvainen and Valpola, "Mean teachers", NeurIPS 2017.
    """

    def __init__(
        self,
        network: VNet,
        noise: torch.Generator,
        settings: MeanTeacherSettings,
        steps: int,
        input_noise: torch.Generator,
    ) -> None:
        super().__init__(network, noise)
        self._settings = settings
        self._steps = steps
        self._input_noise = input_noise
        self.teacher = copy.deepcopy(network).requires_grad_(False)

    def loss(self, batch: TrainingBatch, step: int) -> Loss:
        """Return half of cross-entropy plus Dice loss, plus the weighted consistency."""
        assert batch.unlabelled is not None
        outputs = self.outputs(torch.cat([batch.images, batch.unlabelled]))
        labelled, unlabelled = outputs[: len(batch.images)], outputs[len(batch.images) :]
        plain = cross_entropy(labelled, batch.labels)
        dice = dice_loss(torch.softmax(labelled, 1), batch.labels)
        target, entropy = self._teach(batch.unlabelled)
        threshold = uncertainty_threshold(self._settings, step, self._steps, outputs.shape[1])
        student = torch.softmax(unlabelled, 1)
        consistency, certain = consistency_loss(student, target, entropy, threshold)
        weight = consistency_weight(self._settings, step, self._steps)
        total = 0.5 * (plain + dice) + weight * consistency
        terms = {"cross_entropy": plain, "dice_loss": dice, "consistency": consistency}
        return Loss(total, {**terms, "certain_share": certain})

    @torch.no_grad()
    def _teach(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities of one noisy pass, and the entropy of the mean of T others."""
        live = statistics_of(self.network) != "population"
        set_statistics(self.teacher, "live" if live else "population")
        target = self._noisy_pass(images)
        mean = torch.zeros_like(target)
        for _ in range(self._settings.num_samples):
            mean += self._noisy_pass(images) / self._settings.num_samples
        return target, -(mean * torch.log(mean + 1e-6)).sum(1)

    def _noisy_pass(self, images: Tensor) -> Tensor:
        scale = self._settings.input_noise
        eps = torch.randn(images.shape, generator=self._input_noise, device=images.device)
        noisy = images + (scale * eps).clamp(-2.0 * scale, 2.0 * scale)
        return torch.softmax(self.teacher(noisy, self.noise).float(), 1)

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Move the teacher towards the student; it takes the student's averaged statistics."""
        decay = ema_decay(self._settings, step)
        weights = zip(self.teacher.parameters(), self.network.parameters(), strict=True)
        for average, weight in weights:
            average.mul_(decay).add_(weight, alpha=1.0 - decay)
        for own, new in zip(self.teacher.buffers(), self.network.buffers(), strict=True):
            own.copy_(new)

    def tensors(self) -> Mapping[str, Tensor]:
        """Return the teacher."""
        return {f"teacher.{name}": tensor for name, tensor in self.teacher.state_dict().items()}
