"""The kernel on a graphics card: draws, statistics and counts stay there until the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.inference.assembly import Assembly
from napari_bayesseg.inference.block import BlockResult, ScanBoxes, read_nothing
from napari_bayesseg.inference.plan import evaluated_box, halves
from napari_bayesseg.networks.batched_convolution import GROUPED_VOXELS
from napari_bayesseg.networks.batched_vnet import BatchedVNet
from napari_bayesseg.networks.normalisation import GroupNorm
from napari_bayesseg.numerics.draw_counts import DrawCounts
from napari_bayesseg.posteriors.device_counts import count_on_device
from napari_bayesseg.posteriors.device_draws import BatchedDraws, DeviceDraws, SingleDraws
from napari_bayesseg.posteriors.device_reader import DeviceReader, on_device
from napari_bayesseg.posteriors.device_resources import (
    DeviceMemory,
    check_precision,
    exact_arithmetic,
    is_out_of_memory,
    numbered,
)
from napari_bayesseg.posteriors.device_statistics import summarise_on_device
from napari_bayesseg.posteriors.network import NetworkPosterior
from napari_bayesseg.posteriors.protocol import Posterior

__all__ = ["DeviceKernel"]


class DeviceKernel:
    """Computes blocks on a device; see :class:`~napari_bayesseg.inference.block.BlockKernel`.

    Works on any device of torch, the processor included. float32 is computed as such (no TF32).
    Where the memory of the device runs out, fewer draws are computed at a time, and then the
    block is cut into parts, from then on and for later blocks too; a warning says so once.

    Parameters
    ----------
    posterior : Posterior
        V-Nets compute draws side by side; other posteriors one after the other.
    scan : ScanBoxes or None
        None where the posterior reads no scan.
    shape : (Z, Y, X)
        Of the scan.
    settings : InferenceSettings
    measures : sequence of str
        To compute.
    batch_draws : int, optional
        Most draws at a time; by default as many as the memory holds.
    grouped_voxels : int
        See :func:`~napari_bayesseg.networks.batched_convolution.convolve_draws`.

    Raises
    ------
    SettingsError
        If the device can't compute in the precision asked for.
    """

    def __init__(
        self,
        posterior: Posterior,
        scan: ScanBoxes | None,
        shape: Index3,
        settings: InferenceSettings,
        measures: Sequence[str],
        *,
        batch_draws: int | None = None,
        grouped_voxels: int = GROUPED_VOXELS,
    ) -> None:
        self._device = numbered(posterior.device)
        self.memory = DeviceMemory(self._device)
        self._posterior = posterior
        self._scan = scan
        self._shape = shape
        self._settings = settings
        self._measures = tuple(measures)
        self._too_large = float("inf")
        self._reader: DeviceReader | None = None
        read = read_nothing if scan is None else scan.read
        self._draws: DeviceDraws = SingleDraws(posterior, shape, read, settings.seed)
        if isinstance(posterior, NetworkPosterior) and _has_constant_statistics(posterior):
            network, seed = posterior.network, settings.seed
            dtype = torch.bfloat16 if settings.precision == "bfloat16" else None
            check_precision(self._device, dtype)
            self._reader = DeviceReader(read, self._device)
            self._draws = BatchedDraws(
                BatchedVNet(network, dtype, grouped_voxels),
                lambda box: posterior.windows(box, shape),
                lambda index: posterior.draw(index, seed=seed).realisations,
                self._reader.take,
                self.memory,
                batch_draws,
            )

    def prefetch(self, evaluated: Roi) -> None:
        """Begin to read what the next block needs, and to copy it to the device.

        Parameters
        ----------
        evaluated : Roi
            Of the next call. Another one may be asked for instead; then this was in vain.
        """
        if self._reader is not None:
            self._reader.prefetch(self._posterior.read_roi(evaluated, self._shape))

    def __call__(
        self, core: Roi, evaluated: Roi, between_draws: Callable[[int], None]
    ) -> BlockResult:
        """Compute a block.

        Raises
        ------
        BayesSegError
            If the memory of the device is too small for the smallest part of a block.
        """
        with exact_arithmetic(), torch.inference_mode(), on_device(self._device):
            return self._whole_or_parts(core, evaluated, between_draws)

    def _whole_or_parts(
        self, core: Roi, evaluated: Roi, between_draws: Callable[[int], None]
    ) -> BlockResult:
        if core.size < self._too_large:
            result = self._try(core, evaluated, between_draws)
            if result is not None:
                return result
        parts = halves(core, self._posterior.stride)
        if parts is None:
            raise BayesSegError(
                f"the memory of {self._device} is too small for {core.shape} voxels with "
                f"{self._settings.num_samples} draws; ask for fewer draws, or for device cpu"
            )
        if core.size < self._too_large:
            self._too_large = core.size
            self.memory.reduce(f"parts of {parts[0].shape} voxels instead of {core.shape}")
        whole = Assembly(core)
        for part in parts:
            result = self._whole_or_parts(part, evaluated_box(part, evaluated), between_draws)
            whole.add(part, result)
        return whole.result()

    def _try(
        self, core: Roi, evaluated: Roi, between_draws: Callable[[int], None]
    ) -> BlockResult | None:
        """Compute a part; None where the memory is too small for it."""
        try:
            return self._compute(core, evaluated, between_draws)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        # Not before the error is gone, whose traceback holds the tensors.
        self.memory.release()
        return None

    def _compute(
        self, core: Roi, evaluated: Roi, between_draws: Callable[[int], None]
    ) -> BlockResult:
        samples, classes = self._settings.num_samples, self._posterior.num_classes
        probs = torch.empty((samples, classes, evaluated.size), device=self._device)
        self._draws.fill(probs, evaluated, between_draws)
        if self._scan is not None and self._scan.statistics.num_invalid:
            invalid = torch.from_numpy(~self._scan.valid(evaluated)).flatten()
            probs.masked_fill_(invalid.to(self._device), torch.nan)
        statistics = summarise_on_device(probs, self._measures, self._settings.percentiles)
        box = probs.reshape(samples, classes, *evaluated.shape)
        counts = count_on_device(box, core.shape)
        inside = core.relative_to(evaluated.start).slices

        def cropped(values: Tensor) -> Tensor:
            whole = values.reshape(*values.shape[:-1], *evaluated.shape)
            return whole[(..., *inside)].contiguous()

        labels = statistics.labels.to(torch.uint8) if classes <= 256 else statistics.labels
        maps = [statistics.mean_probability, *statistics.measures.values()]
        label, mean, *rest, voxels, cells = _fetched(
            [cropped(labels), *map(cropped, maps), counts.voxels, counts.configurations]
        )
        return BlockResult(
            label if classes <= 256 else label.astype(np.uint16),
            mean,
            dict(zip(statistics.measures, rest, strict=True)),
            DrawCounts(voxels.astype(np.uint32), cells.astype(np.uint32)),
        )


def _has_constant_statistics(posterior: NetworkPosterior) -> bool:
    norms = [m for m in posterior.network.modules() if isinstance(m, GroupNorm)]
    return all(norm.statistics == "population" for norm in norms)


def _fetched(tensors: Sequence[Tensor]) -> list[NDArray[Any]]:
    """Bring tensors to the processor, all copies under way at a time."""
    device = tensors[0].device
    if device.type != "cuda":
        return [tensor.numpy() for tensor in tensors]
    copies = [
        torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True).copy_(
            tensor, non_blocking=True
        )
        for tensor in tensors
    ]
    torch.cuda.current_stream(device).synchronize()
    return [copy.numpy() for copy in copies]
