"""What can be read of a review, whoever writes it."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import BayesSegWarning, FormatError, StoreError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.journal.journal_head import JournalHead
from napari_bayesseg.review.journal.journal_rows import Row
from napari_bayesseg.review.journal.operations import Operation
from napari_bayesseg.review.journal.review_snapshots import ReviewSnapshots
from napari_bayesseg.review.journal.snapshots import Snapshot
from napari_bayesseg.review.labels.voxels import Labels
from napari_bayesseg.review.opening import OpenedReview
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.regions.region_table import RegionTable
from napari_bayesseg.review.status import Status

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result

__all__ = ["ReviewView"]

_PLANES = 16  # looked at under the lock


class ReviewView:
    """An opened review without the steps that change it.

    Attributes
    ----------
    result : Result
    history : History
        What was done and what was undone.
    mask : ReviewedMask
        Its ``array`` is what a viewer shows and paints into.
    has_start : bool
        Whether the review began from a mask instead of the predicted labels.
    conflicts : tuple of RegionDecision
        Accepted places in which a new run of the result predicts other labels.
    notice : str
        What the person should know about the opening; empty mostly.
    names : RegionNames
        Ids that regions have been given, so that they keep them.
    """

    def __init__(self, result: Result, opened: OpenedReview) -> None:
        self.result = result
        self.history = opened.history
        self.mask = opened.mask
        self.has_start = opened.has_start
        self.conflicts = opened.conflicts
        self.notice = opened.notice
        self._events = opened.events
        self._record = opened.record
        self.names = opened.record.names(result.spec.shape)
        self._lock = threading.RLock()
        self._snapshots = ReviewSnapshots(
            opened.record,
            opened.history,
            opened.mask,
            str(result.record["run_id"]),
            opened.base_sha256,
            opened.checkpoint,
        )

    @property
    def events(self) -> tuple[Row, ...]:
        """Rows of the journal that change no label, such as the answers of an audit, in order."""
        with self._lock:
            return tuple(self._events)

    def operations(self) -> Iterator[Operation]:
        """Yield the steps that were in force at the first of them, the oldest first.

        They are read one by one, from any thread while the review goes on; there may be many.
        """
        with self._lock:
            applied = self.history.applied.copy()
        for place in range(len(applied)):
            with self._lock:  # a decision must not wait until all are read
                operation = applied[place]
            yield operation

    @property
    def folder(self) -> Path:
        """What holds the journal, the copy of the mask, and the starting mask if there is one."""
        return self._record.folder

    @property
    def read_only(self) -> bool:
        """Whether no step can be taken: another process takes them, or nothing can be saved."""
        return self._record.read_only

    @property
    def sequence(self) -> int:
        """Number of the last row that was saved; 0 where there is none."""
        return self._record.sequence

    @property
    def journal_head(self) -> str:
        """Hash of the last row that was saved, which stands for all before."""
        return self._record.head

    def timeline(self) -> list[tuple[str, str, str]]:
        """Return time (ISO 8601), user and action of every row of the journal, in order."""
        with self._lock:
            return self._record.timeline()

    @property
    def settings(self) -> RegionSettings | None:
        """What regions were last made with."""
        return self._record.settings

    @property
    def position(self) -> Index3 | None:
        """Where the person was at the last step."""
        return self._record.position

    def statuses(
        self, table: RegionTable, regions: Sequence[Region] | None = None
    ) -> dict[int, Status]:
        """Return what was decided about every region of a table, or about some, by their ids."""
        with self._lock:
            return self.history.statuses(
                table.region_labels, table.regions if regions is None else regions
            )

    def protected(self, box: Roi) -> NDArray[np.bool_]:
        """Return which voxels of a box are accepted: strokes should leave them alone."""
        with self._lock:
            return self.history.have_status(box, Status.ACCEPTED)

    def count_decided_voxels(self) -> int:
        """Return in how many voxels a person has settled the label: decided, or painted.

        From any thread while the review goes on: no step waits for more than a few planes.
        """
        depth, total = self.history.shape[0], 0
        for start in range(0, depth, _PLANES):
            with self._lock:
                total += self.history.voxels.count_decided(start, min(start + _PLANES, depth))
        return total

    @property
    def seconds_per_decision(self) -> float | None:
        """The person's pace: median of the pauses up to a minute; None before there is one."""
        with self._lock:
            return self.history.seconds_per_decision

    def labels(self) -> Labels:
        """Return the reviewed labels ``(Z, Y, X)``, by the journal and not by the copy."""
        return self.labels_and_row()[0]

    def labels_and_row(self) -> tuple[Labels, int]:
        """Return the reviewed labels, and the number of the row after which they are so."""
        with self._lock:
            return self.mask.labels.copy(), self.sequence

    @property
    def began_from(self) -> LazyArray:
        """Labels ``(Z, Y, X)`` that the review began from: the predicted ones, or a mask."""
        return self.mask.base

    def current_head(self) -> JournalHead:
        """Return what the journal ends with now, to be kept elsewhere."""
        return self._snapshots.head()

    def take_snapshot(self) -> Snapshot | None:
        """Write what the review is now into its folder, from any thread while it goes on.

        Returns
        -------
        Snapshot or None
            None where nothing came since the last one, or the review is being closed.

        Raises
        ------
        FormatError
            If the disk refuses; all steps are saved all the same.
        """
        return self._snapshots.take("hourly", self._lock)

    def close(self) -> None:
        """Take a last snapshot, and give the journal and the lock back; again does nothing.

        Warns
        -----
        BayesSegWarning
            If the disk refuses the snapshot; all steps are saved all the same.
        """
        # Not under the lock, which a snapshot takes again and again: it must hear of this at once.
        if self._record.is_closed:
            return
        try:
            self._snapshots.close(self._lock)
        except (FormatError, StoreError) as error:
            warnings.warn(
                f"all steps are saved, but the snapshot at the end is not: {error}",
                BayesSegWarning,
                stacklevel=2,
            )
        finally:
            with self._lock:
                self._record.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
