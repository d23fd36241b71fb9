from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import FormatError, StoreError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.result import Result
from napari_bayesseg.review.journal.journal_check import check_journal
from napari_bayesseg.review.journal.journal_head import read_head, write_head
from napari_bayesseg.review.journal.journal_rows import row_hash
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Status
from tests.review.journal.test_journal import tampered
from tests.review.steps import decide, paint


def work(review: Review) -> None:
    decide(review, [1, 2], Status.REJECTED)
    paint(review, Roi((0, 0, 0), (4, 20, 40)), 2)
    decide(review, [3], Status.ACCEPTED)
    review.undo()


def rewritten(path: Path, first: int) -> None:
    """Make the chain anew from a row on, as somebody would who knows how: all hashes fit."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute(
            "SELECT sequence, utc, user, action, content, change, previous FROM rows "
            "WHERE sequence >= ? ORDER BY sequence",
            (first,),
        ).fetchall()
    connection.close()
    previous, statements = rows[0][-1], []
    for sequence, utc, _, action, content, change, _ in rows:
        digest = row_hash(sequence, utc, "eve", action, content, change, previous)
        statements.append(
            f"UPDATE rows SET user = 'eve', previous = '{previous}', hash = '{digest}' "
            f"WHERE sequence = {sequence}"
        )
        previous = digest
    tampered(path, *statements)


def checked(review: Review, head: Path | None = None) -> str:
    return str(check_journal(review.result, review.folder, review.labels(), review.sequence, head))


def test_a_head_kept_elsewhere_is_found_again_however_long_the_journal_grows(
    review: Review, tmp_path: Path
) -> None:
    work(review)
    kept = tmp_path / "kept.json"
    head = review.current_head()
    write_head(kept, head)
    assert read_head(kept) == head
    assert (head.rows, head.sha256_of_last_row) == (review.sequence, review.journal_head)
    work(review)
    assert checked(review) == (
        "journal checked: 9 rows, none changed or missing; the reviewed mask follows from them"
    )
    assert checked(review, kept).endswith(f"by ada at row 5 ({head.time_utc}) is in it")


def test_a_chain_that_was_made_anew_is_told_by_the_head_alone(
    review: Review, result: Result, tmp_path: Path
) -> None:
    work(review)
    kept = tmp_path / "kept.json"
    write_head(kept, review.current_head())
    review.close()
    rewritten(review.folder / "journal.sqlite", 3)
    shutil.rmtree(review.folder / "snapshots")
    (review.folder / "journal-head.json").unlink()
    with Review.open(result) as forged:
        assert forged.notice == ""
        assert forged.history.applied[-1].user == "eve"
        assert "none changed" in checked(forged)
        with pytest.raises(StoreError, match=r"row 5 is another one than when kept\.json was"):
            checked(forged, kept)


def test_the_head_in_the_folder_tells_when_a_journal_is_opened(review, result) -> None:
    """An older copy of the journal put in the place of the newer one: its own chain is whole."""
    decide(review, [1], Status.REJECTED)
    shutil.copy(review.folder / "journal.sqlite", review.folder / "old")
    work(review)
    review.close()
    (review.folder / "old").replace(review.folder / "journal.sqlite")
    with Review.open(result, read_only=True) as older:
        assert "ends with row 2, but had 6 rows when journal-head.json was saved" in older.notice
        assert len(older.history.applied) == 1


def test_a_mask_that_does_not_follow_is_told(review: Review, result: Result) -> None:
    work(review)
    labels = review.labels()
    labels[0, 0, 0] += 1
    with pytest.raises(StoreError, match="another one than the journal tells"):
        check_journal(result, review.folder, labels, review.sequence)


def test_rows_that_come_while_it_is_checked_do_not_count(review: Review, result: Result) -> None:
    work(review)
    labels, rows = review.labels(), review.sequence
    decide(review, [5], Status.REJECTED)
    review.undo()
    review.undo()
    assert check_journal(result, review.folder, labels, rows).rows == rows
    assert not np.array_equal(labels, review.labels())


def test_where_nothing_was_begun_there_is_nothing_to_check(result: Result) -> None:
    with (
        Review.open(result, read_only=True) as review,
        pytest.raises(StoreError, match="there is no journal yet"),
    ):
        checked(review)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is none"),
        (b"[1, 2]", "is none"),
        (b'{"format": "another"}', "its format is 'another'"),
        (b'{"format": "napari-bayesseg journal head", "rows": 3}', "is none"),
        (b"9" * 200_000, "too long"),
    ],
)
def test_another_file_is_no_head(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "head.json"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=f"must be a saved head of a journal.*{why}"):
        read_head(path)


def test_a_head_of_no_row_and_a_missing_one_are_refused(review: Review, tmp_path: Path) -> None:
    path = tmp_path / "head.json"
    write_head(path, review.current_head())
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "rows": 0}))
    with pytest.raises(FormatError, match="must name a row from 1 on; it names 0"):
        read_head(path)
    with pytest.raises(FormatError, match="can't be read"):
        read_head(tmp_path / "nowhere.json")
