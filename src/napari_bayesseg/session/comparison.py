"""Another result of the same scan beside the one under review, and where the two differ."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.inference.result import Result
from napari_bayesseg.io.chunk_cache import ChunkCache
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.numerics.label_difference import DifferenceCounter, LabelDifference
from napari_bayesseg.numerics.uncertainty import get_measure, split_excess
from napari_bayesseg.review.labels.stored_arrays import read_piece
from napari_bayesseg.session.background import Background
from napari_bayesseg.session.busy import BusyTeller
from napari_bayesseg.session.desk_line import cubic_symbol
from napari_bayesseg.session.difference_array import processed_part
from napari_bayesseg.session.job import Job, JobSlot, explain

__all__ = ["Compared", "Comparison", "compare_results"]

_SLAB_BYTES = 64 * 2**20
_BYTES_PER_VOXEL = 40  # labels, their pairs, numbered places and two measures


@dataclass(frozen=True, eq=False)
class Compared:
    """Two results of one scan.

    Attributes
    ----------
    first, second : Result
        The one under review, and the other.
    difference : LabelDifference
        Of their predicted labels, over the voxels that both have processed.
    measure : str or None
        That both hold; None where they have none in common.
    means : (float, float)
        Of the measure, over the same voxels.
    heat_name : str or None
        Measure, or excess of one, of the heat map.
    heat_map : tuple of (Z, Y, X) arrays
        Of the second result, from the finest level; empty where it has none of that name.
    """

    first: Result
    second: Result
    difference: LabelDifference
    measure: str | None
    means: tuple[float, float]
    heat_name: str | None = None
    heat_map: tuple[LazyArray, ...] = ()

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the label values."""
        return self.first.class_names

    def volume(self, voxels: int) -> float:
        """Return the volume of so many voxels, in cubic units of the scan."""
        return voxels * self.first.geometry.voxel_volume

    @property
    def lines(self) -> tuple[str, ...]:
        """What a person wants to know first: what differs, Dice, mean measure."""
        difference, unit = self.difference, self.first.geometry.unit
        volume = "" if unit == "pixel" else self._volume_text()
        places = f"{difference.num_places:,} place{'' if difference.num_places == 1 else 's'}"
        dice = ", ".join(
            f"{name} {'none' if np.isnan(score) else format(score, '.3f')}"
            for name, score in zip(self.class_names, difference.dice, strict=True)
        )
        lines = [
            f"{difference.differing:,} voxels{volume} differ: "
            f"{100 * difference.share:.2f} % of those in both, in {places}",
            f"Dice: {dice}",
        ]
        if self.measure is not None:
            title = get_measure(self.measure).title.lower()
            here, there = self.means
            lines.append(
                f"mean {title}: {here:.3g} here, {there:.3g} there "
                f"({get_measure(self.measure).unit})"
            )
        return tuple(lines)

    def _volume_text(self) -> str:
        volume = self.volume(self.difference.differing)
        return f" ({volume:,.4g} {cubic_symbol(self.first.geometry.unit)})"


class Comparison:
    """Compares a result with others, one at a time, in the background.

    Signals:

    - ``changed(Compared | None)``: another one was compared, or none is any more.
    - ``busy_changed(bool)``
    - ``failed(str)``: one line for the person.

    Parameters
    ----------
    result : Result
        Under review.
    background : Background
    """

    changed = Signal(object)
    busy_changed = Signal(bool)
    failed = Signal(str)

    def __init__(self, result: Result, background: Background) -> None:
        self._result = result
        self._busy = BusyTeller(lambda: self.is_busy, self.busy_changed.emit)
        self._slot = JobSlot(background, "compare", self._busy)
        self._compared: Compared | None = None

    @property
    def compared(self) -> Compared | None:
        """The two results; None while there is no other."""
        return self._compared

    @property
    def is_busy(self) -> bool:
        """Whether slices are being compared."""
        return self._slot.is_running

    def open(self, path: str | Path, measure: str) -> None:
        """Compare with the result at `path`; a comparison under way is dropped.

        Parameters
        ----------
        path : path
            Of a result store.
        measure : str
            To be compared where both have it, else the first that both have.
        """
        first = self._result

        def work(job: Job) -> Compared | None:
            second = Result(ResultStore.open(Path(path)))
            return compare_results(first, second, measure, job)

        self._slot.start(work, self._take, lambda error: self.failed.emit(explain(error)))

    def clear(self) -> None:
        """Compare no more."""
        self._slot.cancel()
        self._take(None)

    def close(self) -> None:
        """Drop what is under way; no signal is emitted afterwards."""
        self._slot.close()
        self._compared = None

    def _take(self, compared: Compared | None) -> None:
        if compared is not self._compared:
            self._compared = compared
            self.changed.emit(compared)


def compare_results(
    first: Result, second: Result, measure: str, job: Job | None = None
) -> Compared | None:
    """Compare two results of one scan, slab by slab.

    Parameters
    ----------
    first, second : Result
    measure : str
        See :meth:`Comparison.open`.
    job : Job, optional
        Asked whether to stop.

    Returns
    -------
    Compared or None
        None where it was stopped.

    Raises
    ------
    SettingsError
        If they can't be compared: with one line that says why.
    StoreError
        If one of them is damaged.
    """
    _check(first, second)
    common = [name for name in first.measures if name in second.measures]
    wanted = split_excess(measure)[0]
    name = wanted if wanted in common else next(iter(common), None)
    for result in (first, second):
        for part in ("labels", *([] if name is None else [name])):
            result.check_complete(part)  # what is missing would count as background
    depth, height, width = first.spec.shape
    slices = max(1, _SLAB_BYTES // (_BYTES_PER_VOXEL * height * width))
    counter = DifferenceCounter(len(first.class_names))
    sums, counts = np.zeros(2), np.zeros(2, np.int64)
    for low in range(0, depth, slices):
        if job is not None and job.should_stop():
            return None
        slab = Roi((low, 0, 0), (min(low + slices, depth), height, width))
        valid = processed_part(first, slab) & processed_part(second, slab)
        labels = [_read(result, "labels", slab) for result in (first, second)]
        counter.update(labels[0], labels[1], valid)
        if name is None:
            continue
        for number, result in enumerate((first, second)):
            values = _read(result, name, slab)[valid]
            known = values[np.isfinite(values)]
            sums[number] += known.sum(dtype=np.float64)
            counts[number] += known.size
    with np.errstate(invalid="ignore"):
        means = sums / counts
    heat_name = measure if name == wanted else name
    return Compared(
        first,
        second,
        counter.result(),
        name,
        (float(means[0]), float(means[1])),
        heat_name,
        () if heat_name is None else _heat_map(second, heat_name),
    )


def _heat_map(result: Result, name: str) -> tuple[LazyArray, ...]:
    """Return the levels of a measure; an excess is computed, as for the result under review."""
    if split_excess(name)[1]:
        return (result.measure(name),)
    return tuple(ChunkCache(level) for level in result.levels(name))


def _read(result: Result, name: str, box: Roi) -> NDArray[Any]:
    array = result.labels if name == "labels" else result.array(name)
    return read_piece(array, box.slices, f"{result.path}: {name}")


def _check(first: Result, second: Result) -> None:
    name = second.path.name
    if second.path.resolve() == first.path.resolve():
        raise SettingsError(f"{name}: is the result under review; choose another one")
    if second.spec.shape != first.spec.shape:
        raise SettingsError(
            f"{name}: a result to compare with must have the shape {first.spec.shape}; "
            f"it has {second.spec.shape}"
        )
    here, there = first.geometry, second.geometry
    size = np.abs(here.matrix).max()
    if here.unit != there.unit or not np.allclose(
        here.matrix, there.matrix, rtol=0, atol=1e-6 * size
    ):
        raise SettingsError(
            f"{name}: lies elsewhere than the result under review, or its voxels have another "
            "size; compare results of one scan"
        )
    if second.class_names != first.class_names:
        raise SettingsError(
            f"{name}: a result to compare with must have the classes "
            f"{', '.join(first.class_names)}; it has {', '.join(second.class_names)}"
        )
