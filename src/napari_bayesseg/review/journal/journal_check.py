"""Proving a journal: its chain, a head kept elsewhere, and the mask that follows from it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.review.journal.journal_head import JournalHead, check_head, read_head
from napari_bayesseg.review.journal.replaying import checked_rows, replay
from napari_bayesseg.review.labels.voxels import Labels
from napari_bayesseg.review.opening import open_journal
from napari_bayesseg.review.other_run import check_fit

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result

__all__ = ["JournalCheck", "check_journal"]


@dataclass(frozen=True)
class JournalCheck:
    """What was found to hold.

    Attributes
    ----------
    rows : int
        Rows of the journal, each as it was written.
    head : JournalHead or None
        One saved earlier that the journal still holds.
    """

    rows: int
    head: JournalHead | None

    def __str__(self) -> str:
        kept = (
            f"journal checked: {self.rows} row{'' if self.rows == 1 else 's'}, none changed or "
            "missing; the reviewed mask follows from them"
        )
        if self.head is None:
            return kept
        who = f" by {self.head.user}" if self.head.user else ""
        return (
            f"{kept}; the head saved{who} at row {self.head.rows} ({self.head.time_utc}) is in it"
        )


def check_journal(
    result: Result,
    folder: Path,
    labels: Labels,
    rows: int,
    saved_head: Path | None = None,
) -> JournalCheck:
    """Check a journal from its first row on; no snapshot is used. It may be written meanwhile.

    Parameters
    ----------
    result : Result
    folder : Path
        Of the review.
    labels : (Z, Y, X) int
        The reviewed ones after `rows` rows.
    rows : int
    saved_head : Path, optional
        File of a head that was saved earlier.

    Raises
    ------
    FormatError
        If that file is none.
    StoreError
        Saying what doesn't hold.
    """
    head = None if saved_head is None else read_head(saved_head)
    with ExitStack() as resources:
        journal = open_journal(resources, folder, None, read_only=True)
        if journal is None:
            raise StoreError(f"{folder}: there is no journal yet: nothing was decided")
        others = checked_rows(journal)
        check_fit(result, folder, others)
        if head is not None and saved_head is not None:
            check_head(journal, head, saved_head.name)
        found = replay(result, folder, journal, others, from_first_row=True, upto=rows)
        if not np.array_equal(found.labels, labels):
            raise StoreError(
                f"{folder}: the reviewed mask is another one than the journal tells from its first "
                "row on: close the review, remove its folder of snapshots and open it again"
            )
        return JournalCheck(rows, head)
