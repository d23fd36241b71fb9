from __future__ import annotations

import errno
import hashlib
import json
import re
import shutil
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import BayesSegWarning, FormatError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.result import Result
from napari_bayesseg.review.journal import freezing, snapshots
from napari_bayesseg.review.journal.checkpoint_file import read_checkpoint, write_checkpoint
from napari_bayesseg.review.review import Review, read_reviewed_labels
from napari_bayesseg.review.status import Status
from tests.review.cases import SHAPE, naive_replay
from tests.review.steps import TABLE, assert_mask, decide, paint, status


def work(review: Review) -> None:
    """Seven steps and an undo: something of every kind, over one another."""
    decide(review, [1, 2, 3], Status.REJECTED, note="foreign body")
    paint(review, Roi((0, 0, 0), (4, 20, 40)), 2)
    decide(review, [2], Status.PENDING)
    paint(review, Roi((1, 2, 3), (3, 6, 8)), 1, region=1)
    review.record_event("audit-answer", {"place": 1, "agrees": True})
    decide(review, [4, 5], Status.ACCEPTED)
    decide(review, [6], Status.DEFERRED)
    review.undo()


def files(review: Review) -> list[str]:
    place = review.folder / "snapshots"
    return sorted(path.name for path in place.iterdir()) if place.is_dir() else []


def checkpoint_rows(review: Review) -> int:
    """The row from which a review was opened."""
    return review._snapshots._last


def everything(review: Review) -> tuple[object, ...]:
    whole = Roi.whole(SHAPE)
    return (
        review.labels().tobytes(),
        review.statuses(TABLE),
        review.history.painted(whole).tobytes(),
        [operation.sequence for operation in review.history.applied],
        [operation.sequence for operation in review.history.undone],
        review.seconds_per_decision,
        review.events,
        review.position,
    )


def test_closing_leaves_a_snapshot_and_the_head(review: Review) -> None:
    work(review)
    labels, head, rows = review.labels(), review.journal_head, review.sequence
    review.close()
    name = f"{rows:012}-closing"
    assert files(review) == [f"{name}.checkpoint", f"{name}.json"]
    note = json.loads((review.folder / "snapshots" / f"{name}.json").read_text())
    content = (review.folder / "snapshots" / f"{name}.checkpoint").read_bytes()
    assert note.pop("time_utc").endswith("+00:00")
    assert note == {
        "user": "ada",
        "reason": "closing",
        "rows": rows,
        "sha256_of_last_row": head,
        "mask_sha256": hashlib.sha256(labels.tobytes()).hexdigest(),
        "checkpoint": f"{name}.checkpoint",
        "checkpoint_sha256": hashlib.sha256(content[:-32]).hexdigest(),
    }
    saved = json.loads((review.folder / "journal-head.json").read_text())
    assert (saved["rows"], saved["sha256_of_last_row"], saved["user"]) == (rows, head, "ada")


def test_a_review_opened_from_a_snapshot_is_the_same(review: Review, result: Result) -> None:
    work(review)
    before = everything(review)
    review.close()
    with Review.open(result) as again:
        assert again.notice == ""
        assert checkpoint_rows(again) == again.sequence
        assert everything(again) == before
    shutil.rmtree(review.folder / "snapshots")
    with Review.open(result) as again:
        assert checkpoint_rows(again) == 0
        assert everything(again) == before


def test_a_stroke_far_from_every_decision_is_in_the_snapshot(review, result) -> None:
    """The model's label must not come back under the brush when the region is accepted."""
    inside = Roi((1, 2, 3), (4, 10, 12))
    paint(review, inside, 2)
    painted = review.history.painted(inside)
    assert painted.all()
    review.close()
    with Review.open(result) as again:
        assert checkpoint_rows(again) == 2
        np.testing.assert_array_equal(again.history.painted(inside), painted)
        decide(again, [1], Status.ACCEPTED)
        assert (again.labels()[inside.slices] == 2).all()


def test_undo_goes_back_beyond_the_snapshot_to_the_first_step(review, result, predicted) -> None:
    states = [everything(review)[:3]]
    for step in (
        lambda: decide(review, [1, 2, 3], Status.REJECTED),
        lambda: paint(review, Roi((0, 0, 0), (4, 20, 40)), 2),
        lambda: decide(review, [2, 3], Status.PENDING),
        lambda: decide(review, [1], Status.ACCEPTED),
    ):
        step()
        states.append(everything(review)[:3])
    review.close()
    with Review.open(result) as again:
        assert checkpoint_rows(again) == again.sequence
        for expected in states[-2::-1]:
            assert again.undo() is not None
            assert everything(again)[:3] == expected
            assert_mask(again, again.labels())
        assert again.undo() is None
        assert_mask(again, predicted)
    with Review.open(result) as again:  # everything undone: a snapshot of that, too
        assert checkpoint_rows(again) == again.sequence
        for expected in states[1:]:
            assert again.redo() is not None
            assert everything(again)[:3] == expected


def test_rows_after_the_snapshot_are_replayed(review: Review, result: Result) -> None:
    work(review)
    assert review.take_snapshot().rows == review.sequence
    rows = review.sequence
    review.undo()  # of what is in the snapshot
    review.undo()
    decide(review, [7], Status.REJECTED)
    shutil.copytree(review.folder, review.folder.with_name("crashed"))
    with Review.open(result, folder=review.folder.with_name("crashed")) as crashed:
        assert checkpoint_rows(crashed) == rows
        assert everything(crashed) == everything(review)


def test_a_snapshot_is_taken_only_after_something_was_saved(review: Review, result) -> None:
    assert review.take_snapshot() is None
    decide(review, [1], Status.ACCEPTED)
    assert review.take_snapshot() is not None
    assert review.take_snapshot() is None
    review.close()
    with Review.open(result) as again:
        assert again.take_snapshot() is None
    assert [name for name in files(review) if name.endswith("json")] == ["000000000002-hourly.json"]


def test_old_snapshots_go(review: Review, result: Result) -> None:
    for n in range(27):
        decide(review, [1 + n % 9], Status.ACCEPTED)
        review.take_snapshot()
    for n in range(7):
        decide(review, [1 + n], Status.REJECTED)
        review.close()
        review = Review.open(result)
    review.close()
    kept = files(review)
    for kind, count in (("hourly", 24), ("closing", 5)):
        for suffix in ("checkpoint", "json"):
            assert len([name for name in kept if name.endswith(f"-{kind}.{suffix}")]) == count
    assert kept[0].startswith("000000000005-hourly")


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "flipped":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif how == "short":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "newer":
        body = content[:-32].replace(b"checkpoint 1\n", b"checkpoint 9\n", 1)
        path.write_bytes(body + hashlib.sha256(body).digest())
    elif how == "nonsense":
        body = b"napari-bayesseg checkpoint 1\n{}\n"
        path.write_bytes(body + hashlib.sha256(body).digest())
    elif how == "parts":  # a whole file whose parts don't fit
        found = read_checkpoint(path)
        odd = replace(found, labels=(*found.labels[:-1], b""))
        write_checkpoint(path, odd)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("flipped", "it is damaged"),
        ("short", "it is damaged"),
        ("empty", "it is damaged"),
        ("newer", "it has format 9"),
        ("nonsense", "it can't be understood"),
        ("parts", "can't be unpacked|another length"),
    ],
)
def test_a_snapshot_that_is_not_whole_is_left_alone_and_told(review, result, how, why) -> None:
    work(review)
    before = everything(review)
    review.close()
    newest = max((review.folder / "snapshots").glob("*.checkpoint"))
    damage(newest, how)
    with Review.open(result, read_only=True) as again:
        assert f"the snapshot {newest.name} was not used" in again.notice
        assert checkpoint_rows(again) == 0
        assert everything(again) == before
        assert re.search(why, again.notice)
    assert read_reviewed_labels(result).tobytes() == before[0]


def test_an_older_snapshot_takes_the_place_of_a_damaged_one(review: Review, result) -> None:
    work(review)
    rows = review.take_snapshot().rows
    decide(review, [8], Status.REJECTED)
    before = everything(review)
    review.close()
    damage(max((review.folder / "snapshots").glob("*.checkpoint")), "short")
    with Review.open(result) as again:
        assert checkpoint_rows(again) == rows
        assert everything(again) == before


def test_a_snapshot_of_another_journal_is_not_trusted(review: Review, result: Result) -> None:
    """Put there by hand, with the right number of rows but from another person's review."""
    work(review)
    before = everything(review)
    review.close()
    other = review.folder.with_name("other.review")
    with Review.open(result, folder=other, user="eve") as forged:
        work(forged)
        decide(forged, [9], Status.REJECTED)
    for path in (other / "snapshots").iterdir():
        shutil.copy(path, review.folder / "snapshots")
    with Review.open(result) as again:
        assert "the journal ends before that" in again.notice
        assert everything(again) == before
    shutil.rmtree(review.folder / "snapshots")
    name = f"{again.sequence:012}-closing.checkpoint"
    with Review.open(result, folder=other, user="eve") as forged:
        forged.undo()
    shutil.copytree(other / "snapshots", review.folder / "snapshots")
    for path in (review.folder / "snapshots").glob("*.checkpoint"):
        found = read_checkpoint(path)
        path.unlink()
        fitting = replace(found, sequence=again.sequence)
        write_checkpoint(path.with_name(name), fitting)
    with Review.open(result) as again:
        assert "it is of another journal" in again.notice
        assert everything(again) == before


def test_a_mask_to_begin_from_makes_older_snapshots_useless(result: Result) -> None:
    """Without a word: nothing is wrong with them."""
    with Review.open(result) as review:
        review.record_event("note", {"text": "before"})
    start = (result.labels[...] + 1) % 3
    with Review.open(result, start=Volume.from_array(start)) as review:
        decide(review, [1], Status.DEFERRED)
        labels = review.labels()
    with Review.open(result) as review:
        assert (review.notice, checkpoint_rows(review)) == ("", review.sequence)
        np.testing.assert_array_equal(review.labels(), labels)
    for path in (review.folder / "snapshots").glob("*.checkpoint"):
        found = read_checkpoint(path)
        write_checkpoint(path, replace(found, base_sha256="0" * 64))
    with Review.open(result) as review:
        assert (review.notice, checkpoint_rows(review)) == ("", 0)
        np.testing.assert_array_equal(review.labels(), labels)


def test_a_full_disk_makes_a_notice_and_loses_nothing(review, result, monkeypatch) -> None:
    work(review)
    before = everything(review)

    def full(path: Path, checkpoint: object) -> str:
        raise FormatError(f"{path.name}: can't be written (No space left on device)")

    monkeypatch.setattr(snapshots, "write_checkpoint", full)
    with pytest.raises(FormatError, match="No space left"):
        review.take_snapshot()
    decide(review, [9], Status.ACCEPTED)
    review.undo()
    with pytest.warns(BayesSegWarning, match="all steps are saved, but the snapshot at the end"):
        review.close()
    monkeypatch.undo()
    with Review.open(result) as again:
        assert checkpoint_rows(again) == 0
        assert everything(again)[:3] == before[:3]


def test_a_folder_that_can_not_be_made_is_one_line(review: Review, monkeypatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    decide(review, [1], Status.ACCEPTED)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refused)
        with pytest.raises(FormatError, match="snapshots: can't be written to"):
            review.take_snapshot()


def test_what_a_killed_program_left_is_removed(review: Review) -> None:
    decide(review, [1], Status.ACCEPTED)
    review.take_snapshot()
    left = review.folder / "snapshots" / ".napari-bayesseg-0123456789ab.checkpoint"
    left.write_bytes(b"half")
    decide(review, [2], Status.ACCEPTED)
    review.take_snapshot()
    assert not left.exists()
    beside = review.folder / ".napari-bayesseg-0123456789ab.json"
    beside.write_bytes(b"half")
    review.close()
    Review.open(review.result, read_only=True).close()
    assert beside.exists()
    Review.open(review.result).close()
    assert not beside.exists()


def test_a_snapshot_taken_while_steps_pour_in_is_one_moment(review, result, monkeypatch) -> None:
    """On another thread, one plane at a time; whatever row it is of, it is that row's state."""
    monkeypatch.setattr(freezing, "_SLAB_BYTES", 1)
    stop = threading.Event()
    taken = []

    def snapshots_all_the_time() -> None:
        while not stop.is_set():
            taken.append(review.take_snapshot())

    thread = threading.Thread(target=snapshots_all_the_time)
    thread.start()
    rng = np.random.default_rng(3)
    for _ in range(60):
        choice = rng.random()
        if choice < 0.2:
            review.undo()
        elif choice < 0.5:
            z, y, x = (rng.integers(0, n - 1) for n in SHAPE)
            paint(review, Roi((0, int(y), int(x)), (int(z) + 1, 70, 130)), int(rng.integers(3)))
        else:
            ids = rng.choice(np.arange(1, 30), 4, replace=False).tolist()
            decide(review, ids, Status.REJECTED)
    stop.set()
    thread.join()
    kept = [snapshot for snapshot in taken if snapshot is not None]
    assert len(kept) > 1
    review.close()
    base = result.labels[...]
    for path in (review.folder / "snapshots").glob("*.checkpoint"):
        found = read_checkpoint(path)
        cut = path.with_suffix(".sqlite")
        shutil.copy(review.folder / "journal.sqlite", cut)
        with sqlite3.connect(cut) as connection:
            connection.execute("DROP TRIGGER rows_remain")
            connection.execute("DELETE FROM rows WHERE sequence > ?", (found.sequence,))
        connection.close()
        np.testing.assert_array_equal(
            np.concatenate(list(found.label_slabs())), naive_replay(cut, base)
        )


def test_closing_does_not_wait_for_a_snapshot_under_way(review: Review, monkeypatch) -> None:
    """It gives up at its next slab, and the closing one is whole."""
    monkeypatch.setattr(freezing, "_SLAB_BYTES", 1)
    decide(review, [1], Status.REJECTED)
    begun, go_on = threading.Event(), threading.Event()
    packed = freezing.packed

    def slow(values: np.ndarray) -> bytes:
        begun.set()
        go_on.wait(10)
        return packed(values)

    monkeypatch.setattr(freezing, "packed", slow)
    found = []
    thread = threading.Thread(target=lambda: found.append(review.take_snapshot()))
    thread.start()
    assert begun.wait(10)
    closing = threading.Thread(target=review.close)
    closing.start()
    while not review._snapshots._is_closing:
        closing.join(0.01)
    go_on.set()
    thread.join()
    closing.join()
    assert found == [None]
    assert [name for name in files(review) if "hourly" in name] == []
    assert status(Review.open(review.result, read_only=True), 1) is Status.REJECTED
