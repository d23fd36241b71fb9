"""An opened result: lazy arrays, and any draw of any box made again from its key."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_bayesseg.core.errors import BayesSegWarning, SettingsError, StoreError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.draws import box_draws
from napari_bayesseg.inference.run_record import RunRecord
from napari_bayesseg.inference.scan import NormalisedScan
from napari_bayesseg.inference.sources import RunSources
from napari_bayesseg.io.result_arrays import ResultArray
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.numerics.draw_counts import DrawCounts
from napari_bayesseg.numerics.excess import excess
from napari_bayesseg.numerics.uncertainty import split_excess
from napari_bayesseg.posteriors.protocol import Posterior

__all__ = ["Result", "load_result"]


class Result(RunRecord):
    """What a prediction left on disk. Arrays are lazy: index them, or ``np.asarray`` them.

    Use :func:`load_result` or :func:`~napari_bayesseg.predict`.
    """

    def __init__(
        self,
        store: ResultStore,
        scan: Volume | None = None,
        posterior: Posterior | None = None,
    ) -> None:
        super().__init__(store)
        self._sources = RunSources(store.record, scan, posterior)

    @property
    def labels(self) -> zarr.Array[Any]:
        """``(Z, Y, X)`` class with the largest mean probability; 0 where not processed."""
        return self._store.stored("labels")

    @property
    def mean_probability(self) -> ResultArray:
        """``(C, Z, Y, X)`` float32, sums to 1 over C; NaN where not processed."""
        return self._store.array("mean_probability")

    @property
    def block_mask(self) -> zarr.Array[Any]:
        """One number a block of the grid: 1 where it is finished, 2 where it was left out."""
        return self._store.stored("block_mask")

    @property
    def blocks_left_out(self) -> int:
        """Finished blocks that weren't computed, because `skip_below` or `skip_outside` said so."""
        return int(self.record.get("blocks_left_out", 0))

    @property
    def is_complete(self) -> bool:
        """Whether every block is finished."""
        return len(self._store.ledger.rows()) >= len(self.plan.blocks())

    @property
    def processed(self) -> NDArray[np.bool_]:
        """``(Z, Y, X)`` True where a finished block wrote; in memory."""
        mask = np.zeros(self.spec.shape, bool)
        plan = self.plan
        for index in self._store.ledger.rows():
            mask[plan.block(index).core.slices] = True
        return mask

    def array(self, name: str) -> ResultArray:
        """Return ``"labels"``, ``"mean_probability"`` or a stored measure, lazily.

        Raises
        ------
        StoreError
            If it was not stored.
        """
        return self._store.array(name)

    def levels(self, name: str) -> tuple[ResultArray, ...]:
        """Return an array as :meth:`array` does, and its coarser levels where a result has them.

        Raises
        ------
        StoreError
            If it was not stored.
        """
        return self._store.levels(name)

    def measure(self, name: str) -> ResultArray | NDArray[np.float32]:
        """Return a measure ``(Z, Y, X)`` float32, NaN where not processed.

        With the suffix ``_excess`` it is computed now, in memory: the measure over what is usual
        at that distance from the predicted boundary.

        Raises
        ------
        StoreError
            If the measure was not stored; for an excess, if it is damaged.
        """
        base, is_excess = split_excess(name)
        self._check_stored(base)
        return self._excess(base) if is_excess else self._store.array(base)

    def read(self, name: str) -> NDArray[Any]:
        """Return ``"labels"``, ``"mean_probability"`` or a measure whole and in memory.

        Unlike the lazy arrays, which read a lost chunk as empty, it refuses a damaged result.

        Raises
        ------
        StoreError
            If it was not stored, or part of it is missing or damaged.
        """
        base, is_excess = split_excess(name)
        if name not in ("labels", "mean_probability"):
            self._check_stored(base)
        return self._excess(base) if is_excess else self._read(base)

    def read_box(self, name: str, box: Roi) -> NDArray[Any]:
        """Return a box of ``"labels"``, ``"mean_probability"`` or a stored measure, in memory.

        A damaged part is refused; a lost one is only seen by :meth:`check_complete`.

        Raises
        ------
        StoreError
            If it was not stored, or part of the box is damaged.
        """
        if name not in ("labels", "mean_probability"):
            self._check_stored(name)
        return self._store.read_box(name, box)

    def _check_stored(self, measure: str) -> None:
        if measure not in self.measures:
            raise StoreError(
                f"{self.path}: holds no measure {measure!r}; it holds {', '.join(self.measures)}"
            )

    def check_complete(self, name: str) -> None:
        """Refuse an array of which a file is missing: lazily, it would be read as empty.

        Raises
        ------
        StoreError
            If it was not stored, or part of it is missing.
        """
        self._store.check_complete(name, self._finished())

    def _finished(self) -> list[Roi]:
        plan = self.plan
        return [plan.block(index).core for index in self._store.ledger.rows()]

    def _read(self, name: str) -> NDArray[Any]:
        return self._store.read(name, self._finished())

    def _excess(self, measure: str) -> NDArray[np.float32]:
        values = self._read(measure)
        return excess(
            values,
            self._read("labels"),
            self.geometry.spacing,
            valid=self.processed & np.isfinite(values),
        )

    def draw_counts(self) -> DrawCounts:
        """Return the voxels and 2x2x2 neighbourhoods of each class in each draw.

        The sum over the finished blocks: what volumes, surfaces and their uncertainty follow from.

        Raises
        ------
        StoreError
            If the result was made by a version that didn't count.
        """
        return self._store.total_counts(sorted(self._store.ledger.rows()))

    def open_scan(self) -> Volume | None:
        """Return the scan to look at; None where it was in memory elsewhere, or can't be read.

        Unlike for :meth:`draw`, nobody checks that its voxels are still the same.
        """
        return self._sources.unchecked_scan(self.spec.shape)

    def draw(self, t: int, roi: Roi | str | None = None) -> NDArray[np.float32]:
        """Make draw `t` again, from its key.

        Parameters
        ----------
        t : int
            Index of the draw, from 0; draws beyond those of the run are fresh ones.
        roi : Roi or str, optional
            Box of the scan in voxels; default the whole scan.

        Returns
        -------
        (C, Z, Y, X) float32
            Softmax of the draw: the same numbers in whatever box they are asked for.

        Raises
        ------
        SettingsError
            If `t` is negative or the box leaves the scan.
        StoreError
            If scan or model are gone or have changed since.
        """
        return next(self.draws((t,), roi))

    def draws(
        self, indices: Iterable[int], roi: Roi | str | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """Make several draws of a box again, one after the other: as :meth:`draw`, but sooner.

        What the draws have in common is computed once, where the box is small. Scan and model are
        opened, and the scan is read once to see that it is the same, before this returns.

        Returns
        -------
        iterator of (C, Z, Y, X) float32
            The same numbers as those of :meth:`draw`, in the order of `indices`.

        Raises
        ------
        SettingsError, StoreError
            As for :meth:`draw`.
        """
        wanted = tuple(indices)
        if min(wanted, default=0) < 0:
            raise SettingsError(f"draw must be 0 or more; got {min(wanted)}")
        shape = self.spec.shape
        if isinstance(roi, str):
            roi = Roi.parse(roi, shape)
        box = roi or Roi.whole(shape)
        if box.is_empty or not Roi.whole(shape).contains(box):
            raise SettingsError(f"roi {box} must be a box inside the scan of {shape} voxels")
        posterior, scan = self._sources.open()
        return box_draws(posterior, scan, self.plan, wanted, box, self.settings)

    def checked_scan(self) -> NormalisedScan | None:
        """Open the scan again, lazily; it is read once to check that it is the same.

        Returns
        -------
        NormalisedScan or None
            None where the result was made from probabilities.

        Raises
        ------
        StoreError
            If it is gone or has changed since.
        """
        return self._sources.scan()

    def __repr__(self) -> str:
        done, total = len(self._store.ledger.rows()), len(self.plan.blocks())
        return f"<Result {self.path.name}: {self.spec.shape}, {done} of {total} blocks>"


def load_result(path: str | Path, *, scan: Volume | None = None) -> Result:
    """Open a result store.

    Parameters
    ----------
    path : path
        The ``*.zarr`` folder.
    scan : Volume, optional
        The scan, where it was an array in memory; needed for :meth:`Result.draw` only.

    Raises
    ------
    StoreError
        If there is no result, or it was made by a newer version.
    """
    result = Result(ResultStore.open(Path(path)), scan)
    if not result.is_complete:
        warnings.warn(
            f"{path}: not finished; run the same predict command again to continue",
            BayesSegWarning,
            stacklevel=2,
        )
    return result
