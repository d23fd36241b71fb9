"""When a review takes a snapshot, and what it leaves: checkpoint, note, head of the journal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from napari_bayesseg.review.journal.freezing import freeze
from napari_bayesseg.review.journal.history import History
from napari_bayesseg.review.journal.journal_head import HEAD_FILE, JournalHead, write_head
from napari_bayesseg.review.journal.snapshots import Reason, Snapshot, write_snapshot
from napari_bayesseg.review.labels.reviewed_mask import ReviewedMask
from napari_bayesseg.review.review_record import ReviewRecord

__all__ = ["ReviewSnapshots"]


class ReviewSnapshots:
    """Takes the snapshots of one review, from any thread, one after the other.

    Parameters
    ----------
    record : ReviewRecord
    history : History
    mask : ReviewedMask
    run_id : str
        Of the result.
    base_sha256 : str
        Of the labels that the review began from.
    last : int
        Number of the row of the last snapshot; 0 where there is none.
    """

    def __init__(
        self,
        record: ReviewRecord,
        history: History,
        mask: ReviewedMask,
        run_id: str,
        base_sha256: str,
        last: int,
    ) -> None:
        self._record = record
        self._history = history
        self._mask = mask
        self._run_id = run_id
        self._base_sha256 = base_sha256
        self._last = last
        self._turn = threading.Lock()
        self._is_closing = False

    def head(self) -> JournalHead:
        """Return what the journal ends with now."""
        sequence, digest = self._record.end
        return JournalHead(sequence, digest, _now(), self._record.user, self._run_id)

    def take(self, reason: Reason, hold: AbstractContextManager[object]) -> Snapshot | None:
        """Take a snapshot if anything came since the last one; None where nothing did.

        Parameters
        ----------
        reason : str
        hold : context manager
            No step is taken while it is held; it is, for a few milliseconds at a time.

        Raises
        ------
        FormatError
            If the disk refuses; nothing that was saved before is touched.
        """
        with self._turn:
            return self._take(reason, hold, lambda: self._is_closing)

    def close(self, hold: AbstractContextManager[object]) -> None:
        """Take the last snapshot; one that is under way is given up.

        Raises
        ------
        FormatError
            If the disk refuses.
        """
        self._is_closing = True
        with self._turn:
            self._take("closing", hold, lambda: False)

    def _take(
        self,
        reason: Reason,
        hold: AbstractContextManager[object],
        should_stop: Callable[[], bool],
    ) -> Snapshot | None:
        record = self._record
        if record.read_only or record.sequence == self._last or should_stop():
            return None
        snapshot = None
        if self._history.applied or self._history.undone:
            frozen = freeze(
                hold,
                self._history,
                self._mask.labels,
                self._base_sha256,
                lambda: record.end,
                should_stop,
            )
            if frozen is None:
                return None
            snapshot = write_snapshot(record.folder, frozen, reason, _now(), record.user)
            self._last = frozen.sequence
        write_head(record.folder / HEAD_FILE, self.head())
        return snapshot


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
