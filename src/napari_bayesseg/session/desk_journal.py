"""The journal of a review at the desk: hourly snapshots, its head as a file, and its proof."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.review.journal.journal_check import JournalCheck, check_journal
from napari_bayesseg.review.journal.journal_head import JournalHead, write_head
from napari_bayesseg.session.background import Background
from napari_bayesseg.session.job import JobSlot, explain

if TYPE_CHECKING:
    from napari_bayesseg.session.desk import ReviewDesk

__all__ = ["DeskJournal"]

_HOUR = 3600.0  # seconds
_MANY_ROWS = 5000  # a snapshot is due sooner: opening replays no more than these


class DeskJournal:
    """Looks after the journal of one desk; used on the desk's thread.

    Parameters
    ----------
    desk : ReviewDesk
        Tells of every saved row, and says what there is to say.
    background : Background
        Snapshots and checks run there.
    clock : callable
        Gives seconds that never go back.
    """

    def __init__(
        self, desk: ReviewDesk, background: Background, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._desk = desk
        self._clock = clock
        self._snapshot = JobSlot(background, "snapshot", lambda: None)
        self._check = JobSlot(background, "journal", lambda: None)
        self._tried = (clock(), desk.review.sequence)
        desk.saved.connect(self._on_saved)

    def close(self) -> None:
        """Drop what is under way."""
        self._desk.saved.disconnect(self._on_saved)
        self._snapshot.close()
        self._check.close()

    def _on_saved(self, sequence: int) -> None:
        """Take a snapshot in the background when one is due."""
        tried_at, tried_row = self._tried
        is_due = self._clock() - tried_at >= _HOUR or sequence - tried_row >= _MANY_ROWS
        if is_due and not self._snapshot.is_running:
            self._tried = (self._clock(), sequence)
            review = self._desk.review
            self._snapshot.start(
                lambda _: review.take_snapshot(), lambda _: None, self._snapshot_failed
            )

    def _snapshot_failed(self, error: Exception) -> None:
        self._desk.notice.emit(
            f"every step is saved, but the snapshot of this hour is not: {explain(error)}"
        )

    def save_head(self, path: str | Path) -> JournalHead:
        """Write what the journal ends with to a file that is to be kept elsewhere.

        Raises
        ------
        SettingsError
            If nothing was saved yet.
        FormatError
            If the disk refuses.
        """
        place, head = Path(path), self._desk.review.current_head()
        if head.rows == 0:
            raise SettingsError("the journal is empty: decide something first")
        write_head(place, head)
        self._desk.notice.emit(
            f"{place.name}: head of the journal written (row {head.rows}); keep it outside the "
            "review's folder"
        )
        return head

    def check(self, saved_head: str | Path | None = None) -> None:
        """Check the journal from its first row in the background, and say what was found.

        Parameters
        ----------
        saved_head : path, optional
            A head that was saved earlier and must still be part of the journal.
        """
        review, result = self._desk.review, self._desk.result
        labels, rows = review.labels_and_row()
        place = None if saved_head is None else Path(saved_head)

        def done(found: JournalCheck) -> None:
            self._desk.notice.emit(str(found))

        self._desk.notice.emit("the journal is being checked\u2026")
        self._check.start(
            lambda _: check_journal(result, review.folder, labels, rows, place),
            done,
            lambda error: self._desk.failed.emit(explain(error)),
        )
