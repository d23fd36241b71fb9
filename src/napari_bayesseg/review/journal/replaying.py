"""What a journal tells: the labels that a review began from, and where its steps have led."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.review.journal.history import OTHER_ACTIONS, STEPS, History
from napari_bayesseg.review.journal.journal import Journal, Row
from napari_bayesseg.review.journal.operation_rows import operation_of
from napari_bayesseg.review.journal.operations import Operation
from napari_bayesseg.review.journal.snapshots import restore_newest
from napari_bayesseg.review.labels.label_steps import LabelSteps
from napari_bayesseg.review.labels.starting_mask import open_start
from napari_bayesseg.review.labels.stored_arrays import labels_sha256
from napari_bayesseg.review.labels.voxels import Labels

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result

__all__ = ["START", "Replayed", "checked_rows", "replay", "start_sha256"]

START = "start.zarr"


@dataclass(frozen=True)
class Replayed:
    """Where the steps of a journal have led.

    Attributes
    ----------
    base : lazy array (Z, Y, X)
        What the review began from.
    base_sha256 : str
        Of its labels.
    has_start : bool
        Whether that is a mask instead of the predicted labels.
    labels : (Z, Y, X) int
        The reviewed ones.
    history : History
    checkpoint : int
        Number of the row at which the replay began; 0 for the beginning.
    notices : list of str
        Checkpoints that could not be used.
    """

    base: LazyArray
    base_sha256: str
    has_start: bool
    labels: Labels
    history: History
    checkpoint: int
    notices: list[str]


def checked_rows(journal: Journal) -> list[Row]:
    """Verify a journal; return its rows that are neither steps nor settings, which are few.

    Raises
    ------
    StoreError
        If it is damaged, or holds rows that this version doesn't understand.
    """
    rows = journal.verify(leave_out=(*STEPS, "settings"))
    for row in rows:
        if row.action not in OTHER_ACTIONS:
            raise StoreError(
                f"row {row.sequence} of the journal ({row.action}) can't be understood: update "
                "napari-bayesseg"
            )
    return rows


def start_sha256(rows: Sequence[Row]) -> str | None:
    """Return the hash of the mask that a review begins from; None: the predicted labels."""
    named = [row.content for row in rows if row.action in ("begin", "start")]
    return named[-1].get("start_sha256") if named else None


def replay(
    result: Result,
    folder: Path,
    journal: Journal | None,
    rows: Sequence[Row],
    *,
    from_first_row: bool = False,
    upto: int | None = None,
) -> Replayed:
    """Return where the steps of a journal have led.

    Parameters
    ----------
    result : Result
    folder : Path
        Of the review.
    journal : Journal or None
        Its chain has been verified.
    rows : sequence of Row
        What :func:`checked_rows` gave.
    from_first_row : bool
        Use no checkpoint.
    upto : int, optional
        Number of the last row that counts; by default all do.

    Raises
    ------
    StoreError
        If a step can't be understood, or the result or the starting mask is damaged.
    """
    base, labels, sha256 = _base(result, folder, rows)
    has_start = start_sha256(rows) is not None
    z, y, x = labels.shape
    if journal is None:
        return Replayed(base, sha256, has_start, labels, History((z, y, x)), 0, [])
    history, begun = _new_history(journal, (z, y, x)), 0
    notices: list[str] = []
    if not from_first_row:
        begun, notices = restore_newest(folder, journal, sha256, labels, history)
    steps: Iterable[Row] = journal.rows(after=begun, leave_out=OTHER_ACTIONS)
    if upto is not None:
        steps = takewhile(lambda row: row.sequence <= upto, steps)
    history.replay(steps, LabelSteps(base, labels))
    return Replayed(base, sha256, has_start, labels, history, begun, notices)


def _new_history(journal: Journal, shape: Index3) -> History:
    def load(sequence: int) -> Operation:
        return operation_of(journal.row(sequence))

    return History(shape, load)


def _base(result: Result, folder: Path, rows: Sequence[Row]) -> tuple[LazyArray, Labels, str]:
    """Return what the review began from, lazily and as a new array, and its hash."""
    sha256 = start_sha256(rows)
    if sha256 is None:
        # Read whole once: a lost chunk of the lazy array would look like background.
        labels: Labels = np.require(result.read("labels"), requirements="W")
        return result.labels, labels, labels_sha256(labels)
    stored, labels = open_start(folder / START, str(sha256))
    if labels.shape != result.spec.shape:
        raise StoreError(f"{folder / START}: has another shape than the scan: restore the folder")
    return stored, labels, str(sha256)
