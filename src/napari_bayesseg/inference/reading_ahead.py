"""The next block's part of the scan, read while this one is computed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.inference.block import ScanBoxes
from napari_bayesseg.inference.left_out import LeavingOut
from napari_bayesseg.inference.plan import evaluated_box
from napari_bayesseg.inference.waiting import wait_for
from napari_bayesseg.numerics.voxel_statistics import IntensityStatistics
from napari_bayesseg.posteriors.protocol import Posterior

__all__ = ["ReadingAhead"]


class _Box(NamedTuple):
    is_left_out: bool = False
    roi: Roi | None = None
    voxels: NDArray[np.float32] | None = None
    evaluated: Roi | None = None
    valid: NDArray[np.bool_] | None = None


class ReadingAhead:
    """A scan for a kernel, of which one box is read in advance; use it as a context manager.

    Parameters
    ----------
    scan : ScanBoxes or None
        None where the posterior reads no scan: then there is nothing to do.
    posterior : Posterior
        Says what a block reads.
    shape : (Z, Y, X)
        Of the scan.
    limit : Roi
        The plan's roi.
    leaving_out : LeavingOut, optional
        Decides which blocks aren't computed, in the same thread.
    """

    def __init__(
        self,
        scan: ScanBoxes | None,
        posterior: Posterior,
        shape: Index3,
        limit: Roi,
        leaving_out: LeavingOut | None = None,
    ) -> None:
        self._scan = scan
        self._posterior = posterior
        self._shape = shape
        self._limit = limit
        self._leaving_out = leaving_out
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        self._next: Future[_Box] | None = None
        self._box = _Box()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    def start(self, core: Roi) -> None:
        """Begin to read what the block `core` needs."""
        self._next = self._executor.submit(self._load, core)

    def take(self, poll: Callable[[], None]) -> bool:
        """Wait for the block begun last and make its box the one that :meth:`read` answers from.

        Returns
        -------
        bool
            Whether the block is left out.

        Raises
        ------
        Exception
            What went wrong with reading; and what `poll`, called while waiting, raises.
        """
        assert self._next is not None
        self._box = _Box()
        self._box = wait_for(self._next, poll)
        return self._box.is_left_out

    def _load(self, core: Roi) -> _Box:
        if self._leaving_out is not None and self._leaving_out(core):
            return _Box(is_left_out=True)
        if self._scan is None:
            return _Box()
        evaluated = evaluated_box(core, self._limit)
        roi = self._posterior.read_roi(evaluated, self._shape)
        if roi.is_empty:
            return _Box()
        valid = self._scan.valid(evaluated) if self._scan.statistics.num_invalid else None
        return _Box(False, roi, self._scan.read(roi), evaluated, valid)

    @property
    def statistics(self) -> IntensityStatistics:
        """Grey values of the whole scan."""
        return self._required.statistics

    def read(self, roi: Roi) -> NDArray[np.float32]:
        """Return a box of the normalised, padded scan, from memory where it was read ahead."""
        box = self._box
        if box.voxels is None or box.roi is None or not box.roi.contains(roi):
            return self._required.read(roi)
        return np.ascontiguousarray(box.voxels[roi.relative_to(box.roi.start).slices])

    def valid(self, roi: Roi) -> NDArray[np.bool_]:
        """Return which voxels of a box inside the scan are finite."""
        box = self._box
        if box.valid is None or box.evaluated is None or not box.evaluated.contains(roi):
            return self._required.valid(roi)
        return box.valid[roi.relative_to(box.evaluated.start).slices]

    @property
    def _required(self) -> ScanBoxes:
        assert self._scan is not None
        return self._scan
