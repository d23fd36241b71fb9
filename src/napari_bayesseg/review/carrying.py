"""Decisions that go on with another result of the same scan: one that another model has made.

The new result gets a review of its own that begins with the whole journal of the old one, row by
row, with the same hashes. Replayed on the new prediction it gives every decided voxel the label
that was decided, every region its status and its id; undo and the proof of the journal reach back
to the first decision. One more row says whose journal it was. The old review stays as it is.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.io.atomic import flush_folder, flush_to_disk
from napari_bayesseg.io.lock import exclusive_lock
from napari_bayesseg.io.provenance import making
from napari_bayesseg.review.audit.audit_rows import end_content, read_audits
from napari_bayesseg.review.journal.journal import Journal
from napari_bayesseg.review.journal.replaying import START, checked_rows
from napari_bayesseg.review.opening import JOURNAL, LOCK, open_journal, review_folder
from napari_bayesseg.review.other_run import check_fit

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result

__all__ = ["CARRIED", "Carrying", "carry_review"]

CARRIED = "carried_from"
"""Entry of a journal's row ``run`` that says from which review the rows before it come."""


@dataclass(frozen=True)
class Carrying:
    """Decisions that are to go on elsewhere.

    Attributes
    ----------
    source : Path
        Folder of the review that goes on; it is only read.
    why : mapping
        JSON values for the journal's row, such as what the new model has learnt from.
    """

    source: Path
    why: Mapping[str, Any] = field(default_factory=dict)


def carry_review(carrying: Carrying, result: Result, *, user: str | None = None) -> Path:
    """Let the review of another result of the same scan go on with this one.

    It may be done while the other review is open and goes on, and again later for what was decided
    meanwhile, as long as nothing was decided about the new result. The new folder appears
    complete or not at all.

    Parameters
    ----------
    carrying : Carrying
    result : Result
        The new one: of the same shape and classes.
    user : str, optional
        As for :meth:`Review.open`.

    Returns
    -------
    Path
        Folder of the new review.

    Raises
    ------
    StoreError
        If the journal is damaged or of another scan, the new result has a review that did not
        come from it, or the disk refuses.
    """
    source, folder = carrying.source, review_folder(result)
    with ExitStack() as resources:
        journal = open_journal(resources, source, None, read_only=True)
        if journal is None:
            raise StoreError(f"{source}: holds no journal: there is nothing to go on with")
        rows = checked_rows(journal)
        check_fit(result, source, rows)
        if folder.exists():
            with exclusive_lock(folder / LOCK):
                if _is_up_to_date(journal, folder):
                    return folder
        temporary = folder.parent / f".napari-bayesseg-{uuid.uuid4().hex[:12]}"
        try:
            _copy(journal, carrying, temporary, result, user)
            _put_in_place(temporary, folder)
        except OSError as error:
            raise StoreError(
                f"{folder}: the decisions can't be copied ({error.strerror or error}): make room, "
                f"or mend the disk; they are all in {source}"
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _is_up_to_date(source: Journal, folder: Path) -> bool:
    """Whether a review holds all that another one would bring; False where it may be replaced.

    Raises
    ------
    StoreError
        If it holds decisions of its own.
    """
    if not (folder / JOURNAL).exists() or (folder / JOURNAL).stat().st_size == 0:
        return False
    with Journal.open(folder / JOURNAL, read_only=True).closing() as mine:
        rows = [row for row in checked_rows(mine) if row.action == "run"]
        carried = rows[-1].content.get(CARRIED) if rows else None
        if carried and source.hash_of(int(carried["rows"])) == carried["sha256_of_last_row"]:
            if carried["rows"] == source.sequence:
                return True
            if mine.sequence == rows[-1].sequence:
                return False
    raise StoreError(
        f"{folder}: holds decisions of its own: the others can't go on there, name another result"
    )


def _copy(
    journal: Journal, carrying: Carrying, folder: Path, result: Result, user: str | None
) -> None:
    folder.mkdir()
    journal.copy_to(folder / JOURNAL)
    with ExitStack() as resources:
        copy = open_journal(resources, folder, user, read_only=False)
        assert copy is not None  # it is to be written
        carried = {
            "review": carrying.source.name,
            "run_id": _last_run(journal),
            "rows": copy.sequence,
            "sha256_of_last_row": copy.head,
        }
        # What an audit proves, it proves of the labels that it was begun with.
        for record in read_audits(row for row in checked_rows(copy) if "audit" in row.action):
            if not record.is_ended:
                copy.append("audit-end", end_content(record.ended()))
        content = {
            "run_id": result.record["run_id"],
            "made": making(),
            CARRIED: carried,
            **carrying.why,
        }
        copy.append("run", content)
    if (carrying.source / START).exists():
        shutil.copytree(carrying.source / START, folder / START)


def _last_run(journal: Journal) -> str:
    rows = [row for row in checked_rows(journal) if row.action in ("begin", "run")]
    return str(rows[-1].content["run_id"]) if rows else ""


def _put_in_place(temporary: Path, folder: Path) -> None:
    for place, _, names in os.walk(temporary):
        for name in names:
            flush_to_disk(Path(place) / name)
        flush_folder(Path(place))
    former = temporary.with_name(f"{temporary.name}-former")
    if folder.exists():  # an earlier copy of the same rows, or nothing at all
        folder.rename(former)
    temporary.rename(folder)
    flush_folder(folder.parent)
    shutil.rmtree(former, ignore_errors=True)
