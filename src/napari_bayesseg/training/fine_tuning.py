"""The steps of a fine-tuning, within the time that there is."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.inference.progress import Cancelled
from napari_bayesseg.networks.heteroscedastic import class_probabilities
from napari_bayesseg.networks.normalisation import set_statistics
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.fine_tune_settings import FineTuneSettings
from napari_bayesseg.training.holding import Holding
from napari_bayesseg.training.pieces import Piece
from napari_bayesseg.training.progress import Progress, TrainingHooks
from napari_bayesseg.training.reviewed_patches import ReviewedBatch, ReviewedPatches

__all__ = ["FineTuning", "TunedNetwork", "mean_probability"]

_CONSTANT = 0.4  # share of the time at the full learning rate
_NUM_PASSES = 8  # for a mean prediction, where no result holds one
_CHECKS = 4  # batches on which the change is told


@dataclass(frozen=True)
class TunedNetwork:
    """A network after its fine-tuning.

    Attributes
    ----------
    network : VNet
        On the processor, in evaluation mode.
    steps : int
    before, after : float
        Cross-entropy of reviewed voxels that were learnt, nats.
    """

    network: VNet
    steps: int
    before: float
    after: float


class FineTuning:
    """Trains the networks of a model one after the other; they share the time equally.

    Parameters
    ----------
    pieces : sequence of Piece
    patch_shape : (z, y, x)
    mirrors : (bool, bool)
        Whether patches are flipped, and transposed in plane.
    settings : FineTuneSettings
    device : torch.device
    hooks : TrainingHooks
    """

    def __init__(
        self,
        pieces: Sequence[Piece],
        patch_shape: Index3,
        mirrors: tuple[bool, bool],
        settings: FineTuneSettings,
        device: torch.device,
        hooks: TrainingHooks,
    ) -> None:
        self._pieces, self._patch_shape, self._mirrors = pieces, patch_shape, mirrors
        self._settings, self._device, self._hooks = settings, device, hooks
        self._num_voxels = sum(int(np.count_nonzero(piece.labels >= 0)) for piece in pieces)

    def tune(self, original: VNet, member: int, members: int) -> TunedNetwork:
        """Train one network further; what is given stays as it is.

        Raises
        ------
        SettingsError
            If the loss stops being a number.
        Cancelled
            If the hooks say so.
        """
        settings = self._settings
        network = copy.deepcopy(original).train().to(self._device)
        if self._device.type == "cpu":
            # Activations follow: a step takes two thirds of the time.
            network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        set_statistics(network, "population")
        objective = Holding(
            network,
            torch.Generator().manual_seed(settings.seed + member),
            consistency_weight=settings.consistency_weight,
            kl_weight=settings.kl_weight,
            num_voxels=self._num_voxels,
        )
        checks = self._checks()
        before = objective.fit(checks)
        optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
        patches = self._patches(np.random.default_rng([settings.seed, member, 1]))
        clock = _Clock(settings, members)
        while not clock.is_over:
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * clock.rate
            loss = objective.loss(self._placed(patches.batch()))
            value = loss.total.item()
            self._check_finite(value, clock.step)
            optimiser.zero_grad(set_to_none=True)
            loss.total.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            clock.advance()
            terms = {
                "cross_entropy": loss.cross_entropy.item(),
                "drift": loss.drift.item(),
                "kl_per_voxel": loss.kl_per_voxel.item(),
            }
            self._hooks.progress(
                Progress(clock.step, clock.steps, value, terms, None, member + 1, members)
            )
            if self._hooks.should_stop():
                raise Cancelled("learning was stopped: no model was written")
        after = objective.fit(checks)
        trained = network.cpu().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        return TunedNetwork(trained.eval(), clock.step, before, after)

    def _checks(self) -> list[ReviewedBatch]:
        patches = self._patches(np.random.default_rng([self._settings.seed, 3]))
        return [self._placed(patches.batch()) for _ in range(_CHECKS)]

    def _patches(self, generator: np.random.Generator) -> ReviewedPatches:
        settings = self._settings
        flips, transposes = self._mirrors
        return ReviewedPatches(
            self._pieces,
            self._patch_shape,
            settings.batch_size,
            settings.reviewed_share,
            flips=flips,
            transposes=transposes,
            gain=settings.gain,
            shift=settings.shift,
            generator=generator,
        )

    def _placed(self, batch: ReviewedBatch) -> ReviewedBatch:
        return ReviewedBatch(*(tensor.to(self._device) for tensor in batch))

    def _check_finite(self, loss: float, step: int) -> None:
        if not math.isfinite(loss):
            raise SettingsError(
                f"the loss is {loss} at step {step + 1}: learning has diverged; take a "
                f"learning_rate below {self._settings.learning_rate:g}"
            )


class _Clock:
    """How much of the time or of the steps of one network has gone by.

    Where steps are given and time is not, nothing depends on the clock.
    """

    def __init__(self, settings: FineTuneSettings, members: int) -> None:
        self._seconds = None if settings.seconds is None else settings.seconds / members
        self._most = settings.steps
        self._final = settings.final_learning_rate
        self._started = time.perf_counter()
        self.step = 0

    @property
    def share(self) -> float:
        """From 0 to 1."""
        by_steps = 0.0 if self._most is None else self.step / self._most
        if self._seconds is None:
            return min(by_steps, 1.0)
        return min(max(by_steps, (time.perf_counter() - self._started) / self._seconds), 1.0)

    @property
    def is_over(self) -> bool:
        """Whether it is all gone; one step is always made."""
        return self.step > 0 and self.share >= 1.0

    @property
    def rate(self) -> float:
        """Share of the learning rate: 1 at first, then falling exponentially."""
        decay = max(0.0, self.share - _CONSTANT) / (1.0 - _CONSTANT)
        return float(self._final**decay)

    @property
    def steps(self) -> int:
        """How many steps there will be, as far as can be told now."""
        share = self.share
        return self.step if share >= 1.0 else max(self.step, round(self.step / max(share, 1e-3)))

    def advance(self) -> None:
        """Count a step."""
        self.step += 1


@torch.no_grad()
def mean_probability(
    networks: Sequence[VNet], patch_shape: Index3, image: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the mean softmax ``(C, Z, Y, X)`` of a scan, patch by patch.

    Parameters
    ----------
    networks : sequence of VNet
    patch_shape : (z, y, x)
    image : (Z, Y, X) float32
        Normalised.
    """
    missing = [(0, -n % p) for n, p in zip(image.shape, patch_shape, strict=True)]
    padded = torch.from_numpy(np.pad(image, missing, mode="edge"))
    found = np.zeros((networks[0].spec.num_probabilities, *padded.shape), np.float32)
    noise = torch.Generator().manual_seed(0)
    passes = max(1, _NUM_PASSES // len(networks))
    for start in np.ndindex(*(n // p for n, p in zip(padded.shape, patch_shape, strict=True))):
        box = tuple(slice(a * p, (a + 1) * p) for a, p in zip(start, patch_shape, strict=True))
        for network in networks:
            set_statistics(network, "population")
            for _ in range(passes):
                outputs = network(padded[box][None, None], noise)
                found[:, *box] += class_probabilities(outputs, network.spec)[0].numpy()
    found /= passes * len(networks)
    z, y, x = image.shape
    return found[:, :z, :y, :x]
