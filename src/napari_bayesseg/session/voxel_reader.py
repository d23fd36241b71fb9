"""What a result says about the voxel under the cursor, read chunk by chunk and never waited for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.inference.result import Result
from napari_bayesseg.review.labels.stored_arrays import read_piece
from napari_bayesseg.review.regions.voxel_reading import VoxelReading, shown_measures
from napari_bayesseg.session.background import Background
from napari_bayesseg.session.job import Job, JobSlot

__all__ = ["VoxelReader"]

_LIMIT_BYTES = 96 * 2**20

Place = tuple[str, Index3]
"""An array, and the number of a chunk along each axis."""


class VoxelReader:
    """Reads mean probability and the measures that are told of single voxels.

    A chunk that is not in memory is read in the background; meanwhile the newest voxel that was
    asked for counts.

    Signals:

    - ``read(VoxelReading | None)``: of the voxel asked for last; None outside the scan.

    Parameters
    ----------
    result : Result
    background : Background
    """

    read = Signal(object)

    def __init__(self, result: Result, background: Background) -> None:
        self._result = result
        self._slot = JobSlot(background, "voxel")
        self._arrays: dict[str, Any] = {
            "mean_probability": result.mean_probability,
            **{name: result.array(name) for name in shown_measures(result.measures)},
        }
        self._chunks: OrderedDict[Place, NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()
        self._asked: Index3 | None = None

    def close(self) -> None:
        """Drop what is under way."""
        self._slot.close()

    def ask(self, position: Index3 | None) -> None:
        """Read a voxel: at once where its chunks are in memory, else soon."""
        shape = self._result.spec.shape
        if position is not None and not all(
            0 <= p < n for p, n in zip(position, shape, strict=True)
        ):
            position = None
        if position == self._asked:
            return
        self._asked = position
        if position is None:
            self._slot.cancel()
            self.read.emit(None)
            return
        missing = [place for place in self._places(position) if place not in self._chunks]
        if missing:
            self._slot.start(
                lambda job: self._fetch(job, missing),
                done=lambda _: self._tell(position),
                failed=lambda _: self._lost(),
            )
        else:
            self._slot.cancel()
            self._tell(position)

    def _tell(self, position: Index3) -> None:
        if position == self._asked:
            reading = self._reading(position)
            if reading is not None:
                self.read.emit(reading)

    def _lost(self) -> None:
        """Say nothing of a damaged chunk here: whoever opens or decides is told."""
        self._asked = None
        self.read.emit(None)

    def _places(self, position: Index3) -> list[Place]:
        places = []
        for name, array in self._arrays.items():
            z, y, x = (p // n for p, n in zip(position, array.chunks[-3:], strict=True))
            places.append((name, (z, y, x)))
        return places

    def _fetch(self, job: Job, places: list[Place]) -> None:
        for name, index in places:
            if job.should_stop():
                return
            array = self._arrays[name]
            spans = [
                slice(i * n, min((i + 1) * n, length))
                for i, n, length in zip(index, array.chunks[-3:], array.shape[-3:], strict=True)
            ]
            leading = (slice(None),) * (array.ndim - 3)
            piece = read_piece(array, (*leading, *spans), f"{self._result.path}: {name}")
            with self._lock:
                self._chunks[name, index] = piece
                self._forget()

    def _forget(self) -> None:
        used = sum(chunk.nbytes for chunk in self._chunks.values())
        while used > _LIMIT_BYTES and len(self._chunks) > len(self._arrays):
            used -= self._chunks.popitem(last=False)[1].nbytes

    def _reading(self, position: Index3) -> VoxelReading | None:
        values = {}
        with self._lock:
            for name, index in self._places(position):
                chunk = self._chunks.get((name, index))
                if chunk is None:
                    return None  # pushed out meanwhile
                self._chunks.move_to_end((name, index))
                sizes = self._arrays[name].chunks[-3:]
                z, y, x = (p % n for p, n in zip(position, sizes, strict=True))
                values[name] = np.array(chunk[..., z, y, x])
        probabilities = values.pop("mean_probability")
        measures = {name: float(value) for name, value in values.items()}
        return VoxelReading(position, probabilities, measures)
