"""The kernel on the processor: whole draws side by side, and parts where memory asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.inference.assembly import Assembly
from napari_bayesseg.inference.block import BlockResult, ScanBoxes, predict_block, read_nothing
from napari_bayesseg.inference.draw_pool import DrawPool, KeyedDraws
from napari_bayesseg.inference.plan import evaluated_box, halves, split_to_fit
from napari_bayesseg.posteriors.protocol import Posterior

__all__ = ["HostKernel"]


class HostKernel:
    """Computes blocks on the processor; see :class:`~napari_bayesseg.inference.block.BlockKernel`.

    Parameters
    ----------
    posterior : Posterior
    scan : ScanBoxes or None
        None where the posterior reads no scan.
    shape : (Z, Y, X)
        Of the scan.
    settings : InferenceSettings
    measures : sequence of str
        To compute.
    """

    def __init__(
        self,
        posterior: Posterior,
        scan: ScanBoxes | None,
        shape: Index3,
        settings: InferenceSettings,
        measures: Sequence[str],
    ) -> None:
        self._posterior = posterior
        self._scan = scan
        self._shape = shape
        self._settings = settings
        self._measures = tuple(measures)
        self._draws = KeyedDraws(posterior, settings.num_samples, settings.seed)
        # Kept from block to block: a heap that held it beside the tensors would have gaps.
        self._buffer = np.empty(0, np.float32)
        posterior.warm_up()

    def __call__(
        self, core: Roi, evaluated: Roi, between_draws: Callable[[int], None]
    ) -> BlockResult:
        """Compute a block, in parts where it doesn't fit into the memory; exact, as tiling is.

        Raises
        ------
        MemoryError
            If the memory runs out however small the parts are.
        """
        parts = list(
            split_to_fit(
                self._posterior,
                core,
                self._shape,
                memory=self._settings.memory,
                num_samples=self._settings.num_samples,
                num_measures=len(self._measures),
            )
        )
        whole = None if len(parts) == 1 else Assembly(core)
        while parts:
            part = parts.pop(0)
            try:
                result = self._part(part, evaluated_box(part, evaluated), between_draws)
            except (MemoryError, RuntimeError) as error:
                smaller = halves(part, self._posterior.stride)
                if not _is_out_of_memory(error) or smaller is None:
                    raise
                self._buffer = np.empty(0, np.float32)
                parts[:0] = smaller
                whole = whole or Assembly(core)
                continue
            if whole is None:
                return result
            whole.add(part, result)
        assert whole is not None
        return whole.result()

    def _part(self, core: Roi, evaluated: Roi, between_draws: Callable[[int], None]) -> BlockResult:
        posterior, samples = self._posterior, self._settings.num_samples
        values = samples * posterior.num_classes * evaluated.size
        if self._buffer.size < values:
            self._buffer = np.empty(0, np.float32)  # before the larger one is there
            self._buffer = np.empty(values, np.float32)
        with DrawPool(min(posterior.parallel_draws, samples)) as pool:
            return predict_block(
                posterior,
                self._draws,
                core,
                self._shape,
                read_nothing if self._scan is None else self._scan.read,
                measures=self._measures,
                percentiles=self._settings.percentiles,
                pool=pool,
                num_threads=torch.get_num_threads(),
                between_draws=between_draws,
                evaluated=evaluated,
                valid=self._valid(evaluated),
                buffer=self._buffer,
            )

    def _valid(self, roi: Roi) -> NDArray[np.bool_] | None:
        if self._scan is None or not self._scan.statistics.num_invalid:
            return None
        return self._scan.valid(roi)


def _is_out_of_memory(error: Exception) -> bool:
    """Whether NumPy (MemoryError) or torch (a RuntimeError with this text) found no memory."""
    text = str(error)
    return isinstance(error, MemoryError) or "allocate memory" in text or "enough memory" in text
