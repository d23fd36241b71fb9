"""Opening a review: who may write, what the journal says, and whether the copy agrees."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from napari_bayesseg.core.errors import FormatError, StoreError
from napari_bayesseg.core.volume import LazyArray, Volume
from napari_bayesseg.io.atomic import flush_folder
from napari_bayesseg.io.lock import LockHeldError, exclusive_lock
from napari_bayesseg.io.provenance import making
from napari_bayesseg.review.journal.events import events_of
from napari_bayesseg.review.journal.history import History
from napari_bayesseg.review.journal.journal import Journal, Row
from napari_bayesseg.review.journal.journal_head import HEAD_FILE, check_head, read_head
from napari_bayesseg.review.journal.operations import KINDS, RegionDecision
from napari_bayesseg.review.journal.replaying import START, checked_rows, replay, start_sha256
from napari_bayesseg.review.journal.snapshots import SNAPSHOTS, remove_unfinished
from napari_bayesseg.review.labels.reviewed_mask import ReviewedMask, open_cache
from napari_bayesseg.review.labels.starting_mask import checked_start, write_start
from napari_bayesseg.review.labels.stored_arrays import UNREADABLE, labels_sha256
from napari_bayesseg.review.labels.voxels import Labels
from napari_bayesseg.review.other_run import (
    check_fit,
    find_conflicts,
    is_other_run,
    other_run_notice,
)
from napari_bayesseg.review.review_record import ReviewRecord

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result

__all__ = ["OpenedReview", "open_journal", "open_review", "replayed_labels", "review_folder"]

JOURNAL, MASK, LOCK = "journal.sqlite", "reviewed.zarr", ".lock"


@dataclass(frozen=True)
class OpenedReview:
    """Everything that a review stands on.

    Attributes
    ----------
    record : ReviewRecord
    history : History
    mask : ReviewedMask
    has_start : bool
        Whether the review began from a mask.
    conflicts : tuple of RegionDecision
        Accepted places in which another run predicts other labels.
    notice : str
        What the person should know.
    events : list of Row
        Rows that change no label, such as the answers of an audit.
    base_sha256 : str
        Of the labels that the review began from.
    checkpoint : int
        Number of the row of the snapshot from which it was opened; 0 where there was none.
    """

    record: ReviewRecord
    history: History
    mask: ReviewedMask
    has_start: bool
    conflicts: tuple[RegionDecision, ...]
    notice: str
    events: list[Row]
    base_sha256: str
    checkpoint: int


def review_folder(result: Result) -> Path:
    """Return the folder beside a result that holds its review."""
    return result.path.with_name(result.path.stem + ".review")


def open_review(
    result: Result,
    folder: Path | None,
    user: str | None,
    start: Volume | None,
    read_only: bool,
) -> OpenedReview:
    """Open or begin a review; see :meth:`Review.open`."""
    folder = folder or review_folder(result)
    notices: list[str] = []
    with ExitStack() as resources:
        is_export = read_only
        read_only = read_only or not _take_lock(resources, folder, notices)
        journal = open_journal(resources, folder, user, read_only)
        rows: Sequence[Row] = [] if journal is None else checked_rows(journal)
        if not rows:
            rows = _begin(result, folder, journal, start, read_only)
        elif start is not None:
            rows = _begin_from(result, folder, journal, rows, start, read_only)
        check_fit(result, folder, rows)
        if journal is not None:
            _check_saved_head(folder, journal, notices)
        found = replay(result, folder, journal, rows)
        notices += found.notices
        history, labels = found.history, found.labels
        history.prepare()
        mask = _open_mask(folder, found.base, labels, read_only, notices)
        conflicts: tuple[RegionDecision, ...] = ()
        is_new_run = is_other_run(result, rows)
        # Whoever opens it to write a file has them from the review that is open.
        if is_new_run or (not is_export and any(row.action == "run" for row in rows)):
            conflicts = find_conflicts(result, history, labels)
        if is_new_run:
            notices.append(other_run_notice(conflicts))
            if journal is not None and not read_only:
                journal.append("run", {"run_id": result.record["run_id"], "made": making()})
        record = ReviewRecord(folder, journal, read_only, resources.pop_all())
    return OpenedReview(
        record,
        history,
        mask,
        found.has_start,
        conflicts,
        "; ".join(notices),
        events_of(rows),
        found.base_sha256,
        found.checkpoint,
    )


def replayed_labels(result: Result, folder: Path) -> Labels:
    """Return the reviewed labels as a journal tells them; another process may be writing it."""
    with ExitStack() as resources:
        journal = open_journal(resources, folder, None, read_only=True)
        rows = [] if journal is None else checked_rows(journal)
        check_fit(result, folder, rows)
        return replay(result, folder, journal, rows).labels


def _check_saved_head(folder: Path, journal: Journal, notices: list[str]) -> None:
    """Say where the journal lost rows that the head beside it tells of."""
    path = folder / HEAD_FILE
    if path.exists():
        try:
            check_head(journal, read_head(path), path.name)
        except (FormatError, StoreError) as error:
            notices.append(str(error))


def _take_lock(resources: ExitStack, folder: Path, notices: list[str]) -> bool:
    """Become the one writer, or say why not."""
    try:
        folder.mkdir(exist_ok=True)
        flush_folder(folder.parent)  # SQLite sees to what is in the folder, not to the folder
        resources.enter_context(exclusive_lock(folder / LOCK))
        remove_unfinished(folder)
    except LockHeldError:
        notices.append(
            "this result is being reviewed in another window or by another process: opened for "
            "reading only"
        )
        return False
    except (OSError, StoreError) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        notices.append(
            f"{folder} can't be written to ({cause}): opened for reading only, decisions can't be "
            "saved"
        )
        return False
    return True


def open_journal(
    resources: ExitStack, folder: Path, user: str | None, read_only: bool
) -> Journal | None:
    """Open the journal of a review's folder, unless it is only to be read and there is none.

    Raises
    ------
    StoreError
        If it can't be opened, or the folder holds links.
    """
    for name in (JOURNAL, MASK, START, SNAPSHOTS, HEAD_FILE):
        if (folder / name).is_symlink():
            raise StoreError(f"{folder / name}: must not be a link out of the folder: remove it")
    path = folder / JOURNAL
    if read_only and (not path.exists() or path.stat().st_size == 0):
        return None
    journal = Journal.open(path, read_only=read_only, user=_user_name() if user is None else user)
    resources.callback(journal.close)
    return journal


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account without a name, as in containers
        return "unknown"


def _begin(
    result: Result, folder: Path, journal: Journal | None, start: Volume | None, read_only: bool
) -> list[Row]:
    """Write the first row; what the review is about is settled with it."""
    if journal is None or read_only:
        if start is not None:
            raise StoreError(
                f"{folder}: a review can't be begun where it can't be saved: name another folder"
            )
        return []
    sha256 = None
    if start is not None:
        labels = checked_start(start, result.spec.shape, result.class_names, result.labels.dtype)
        sha256 = write_start(folder / START, labels)
    content = {
        "run_id": result.record["run_id"],
        "result": result.path.name,
        "shape": list(result.spec.shape),
        "class_names": list(result.class_names),
        "start_sha256": sha256,
        "start_name": None if start is None else start.spec.name,
        "made": making(),
    }
    return [journal.append("begin", content)]


def _begin_from(
    result: Result,
    folder: Path,
    journal: Journal | None,
    rows: Sequence[Row],
    start: Volume,
    read_only: bool,
) -> Sequence[Row]:
    """Begin from a mask after all, if there is none yet and nothing was decided."""
    labels = checked_start(start, result.spec.shape, result.class_names, result.labels.dtype)
    former = start_sha256(rows)
    if labels_sha256(labels) == former:
        return rows
    if journal is None or read_only or former is not None or journal.holds_any(KINDS):
        raise StoreError(
            f"{folder}: this review did not begin from {start.spec.name}, and a review can begin "
            "from a mask only before its first decision: open it without, or name another folder"
        )
    sha256 = write_start(folder / START, labels)
    row = journal.append("start", {"start_sha256": sha256, "start_name": start.spec.name})
    return [*rows, row]


def _open_mask(
    folder: Path, base: LazyArray, labels: Labels, read_only: bool, notices: list[str]
) -> ReviewedMask:
    if read_only:
        return ReviewedMask(_shown_array(folder, base, labels), base, labels)
    z, y, x = labels.shape
    try:
        array, is_new = open_cache(folder / MASK, (z, y, x), labels.dtype)
    except OSError as error:
        raise StoreError(
            f"{folder / MASK}: can't be written ({error.strerror or error}): make room, or change "
            "its permissions"
        ) from error
    mask = ReviewedMask(array, base, labels)
    mended = mask.repair()
    if mended and not is_new:
        notices.append(
            f"{mended} piece{'' if mended == 1 else 's'} of the mask differed from the journal, "
            "as after a crash, and followed it again"
        )
    return mask


def _shown_array(folder: Path, base: LazyArray, labels: Labels) -> zarr.Array[Any]:
    """Return what a reader can show: the copy, or else the labels in memory."""
    try:
        found = zarr.open_array(folder / MASK, mode="r")
        if found.shape == labels.shape and found.dtype == labels.dtype:
            return found
    except UNREADABLE:
        pass
    if isinstance(base, zarr.Array) and np.array_equal(base[...], labels):
        return zarr.open_array(base.store.with_read_only(True), path=base.path, mode="r")
    return zarr.array(labels)
