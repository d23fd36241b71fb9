from __future__ import annotations

import getpass
import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import FormatError, StoreError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.result import Result, load_result
from napari_bayesseg.io.provenance import run_id
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.review import opening
from napari_bayesseg.review.journal.journal import Journal
from napari_bayesseg.review.labels.voxels import VoxelChange, VoxelSet, voxel_change_from_indices
from napari_bayesseg.review.review import Review, read_reviewed_labels
from napari_bayesseg.review.status import Replacement, Status
from tests.review.cases import (
    CLASSES,
    SETTINGS,
    SHAPE,
    runner_up,
    write_random_result,
)
from tests.review.steps import LABELS, TABLE, assert_mask, decide, paint


def start_mask(result: Result) -> np.ndarray:
    return ((result.labels[...] + np.indices(SHAPE)[2] // 10) % 3).astype(np.int64)


def test_a_review_may_begin_from_a_mask(result: Result, predicted) -> None:
    start = start_mask(result)
    volume = Volume.from_array(start, name="by hand")
    with Review.open(result, start=volume) as review:
        assert review.has_start
        assert_mask(review, start)
        decide(review, [1], Status.ACCEPTED)
        decide(review, [2], Status.REJECTED, replacement=Replacement.BACKGROUND)
        decide(review, [3], Status.REJECTED)
        decide(review, [2], Status.REJECTED, replacement=Replacement.PREVIOUS)
        expected = start.copy()
        expected[LABELS == 1] = predicted[LABELS == 1]
        expected[LABELS == 3] = runner_up(result)[LABELS == 3]
        assert_mask(review, expected)
        decide(review, [1], Status.PENDING)
        expected[LABELS == 1] = start[LABELS == 1]
        assert_mask(review, expected)
    for again in (None, volume):
        with Review.open(result, start=again) as review:
            assert review.has_start
            assert_mask(review, expected)
            review.undo()
            review.redo()
            assert_mask(review, expected)
    journal = Journal.open(review.folder / "journal.sqlite", read_only=True)
    assert journal.row(1).content["start_name"] == "by hand"
    journal.close()


def test_a_review_can_begin_from_a_mask_until_something_is_decided(result: Result) -> None:
    start = start_mask(result)
    volume = Volume.from_array(start, name="by hand")
    Review.open(result).close()
    with Review.open(result, start=volume) as review:
        assert review.has_start
        assert_mask(review, start)
    with Review.open(result) as review:
        assert_mask(review, start)


def test_a_mask_comes_too_late_after_the_first_decision(result: Result, predicted) -> None:
    with Review.open(result) as review:
        decide(review, [1], Status.ACCEPTED)
        review.undo()
    with pytest.raises(StoreError, match="did not begin from by hand"):
        Review.open(result, start=Volume.from_array(start_mask(result), name="by hand"))
    with Review.open(result) as review:  # a refusal gives the lock back
        assert_mask(review, predicted)


def test_another_start_than_the_first_is_refused(result: Result) -> None:
    Review.open(result, start=Volume.from_array(start_mask(result), name="by hand")).close()
    with pytest.raises(StoreError, match="did not begin from other"):
        Review.open(result, start=Volume.from_array(np.zeros(SHAPE, "u1"), name="other"))


def test_a_start_that_does_not_fit_begins_no_review(result: Result, predicted) -> None:
    with pytest.raises(FormatError, match="it holds 3: change that label"):
        Review.open(result, start=Volume.from_array(np.full(SHAPE, 3, "u1")))
    with Review.open(result) as review:
        assert_mask(review, predicted)


@pytest.mark.parametrize("again", [True, False])
def test_a_program_killed_while_it_begins_leaves_nothing_in_the_way(
    result: Result, predicted, monkeypatch, again: bool
) -> None:
    """Killed after the starting mask was kept, before the journal's first row."""
    volume = Volume.from_array(start_mask(result))
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Review.open(result, start=volume)
    np.testing.assert_array_equal(read_reviewed_labels(result), predicted)
    with Review.open(result, start=volume if again else None) as review:
        assert review.has_start is again
        assert_mask(review, start_mask(result) if again else predicted)


def test_a_changed_start_is_refused(result: Result) -> None:
    volume = Volume.from_array(start_mask(result))
    with Review.open(result, start=volume) as review:
        pass
    (review.folder / "start.zarr" / "c" / "0" / "1" / "1").unlink()
    with pytest.raises(StoreError, match="was changed since the review began"):
        Review.open(result)
    with pytest.raises(StoreError, match="was changed since the review began"):
        read_reviewed_labels(result)


def rewritten(result: Result, **record: object) -> Result:
    """The same result folder, with another prediction in it."""
    shutil.rmtree(result.path)
    made = write_random_result(result.path, seed=record.pop("seed", 1), **record)
    store = ResultStore.open(made.path, mode="r+")
    store.update_record(run_id=run_id({"seed": 1}))
    ledger = made.path / "ledger.jsonl"
    ledger.write_text(ledger.read_text().replace("0123456789abcdef" * 4, run_id({"seed": 1})))
    return load_result(made.path)


def test_decisions_survive_another_run(review: Review, result: Result, predicted) -> None:
    decide(review, [1, 2], Status.ACCEPTED)
    decide(review, [3], Status.REJECTED)
    paint(review, Roi((0, 60, 100), (5, 70, 130)), 2)
    old = review.labels()
    review.close()
    other = rewritten(result)
    with Review.open(other) as again:
        assert "predicted anew: all decisions are kept" in again.notice
        assert "differs in 2 accepted places" in again.notice
        assert {decision.region_id for decision in again.conflicts} == {1, 2}
        expected = other.labels[...]
        decided = (LABELS > 0) & (LABELS < 4)
        expected[decided] = old[decided]
        expected[0:5, 60:70, 100:130] = 2
        assert_mask(again, expected)
        assert [again.statuses(TABLE)[n] for n in (1, 2, 3, 4)] == [
            Status.ACCEPTED,
            Status.ACCEPTED,
            Status.REJECTED,
            Status.PENDING,
        ]
    with Review.open(other) as again:
        assert again.notice == ""  # told once, but still listed
        assert {decision.region_id for decision in again.conflicts} == {1, 2}
        assert_mask(again, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"shape": (5, 70, 129)}, "shape"), ({"classes": ("a", "b", "c")}, "class_names")],
)
def test_a_review_of_something_else_is_refused(review, result, change, message) -> None:
    review.close()
    other = rewritten(result, **change)
    for open_it in (Review.open, read_reviewed_labels):
        with pytest.raises(StoreError, match=f"is the review of a result with {message}"):
            open_it(other)


def test_a_second_opening_reads_only(review: Review, result: Result) -> None:
    decide(review, [1], Status.REJECTED)
    with Review.open(result) as second:
        assert second.read_only
        assert "reviewed in another window" in second.notice
        assert_mask(second, review.labels())
        assert second.statuses(TABLE) == review.statuses(TABLE)
        one = voxel_change_from_indices(([1], [1], [1]), 0, 1)
        for write in (
            lambda: decide(second, [2], Status.ACCEPTED),
            lambda: second.paint(one),
            second.undo,
            second.redo,
            lambda: second.set_settings(SETTINGS),
            lambda: second.set_position((1, 1, 1)),
        ):
            with pytest.raises(StoreError, match="open for reading only"):
                write()
        with pytest.raises(ValueError, match="read-only"):
            second.mask.array[0, 0, 0] = 1
    decide(review, [2], Status.REJECTED)
    review.close()
    with Review.open(result) as third:
        assert not third.read_only


def test_a_new_folder_is_on_the_disk_before_anything_is_called_saved(result, monkeypatch) -> None:
    flushed = []
    monkeypatch.setattr(opening, "flush_folder", flushed.append)
    Review.open(result).close()
    assert flushed == [result.path.parent]


def test_a_review_can_be_looked_at_without_a_trace(result: Result, predicted) -> None:
    with Review.open(result, read_only=True) as review:
        assert_mask(review, predicted)
        assert review.read_only
        with pytest.raises(ValueError, match="read-only"):
            review.mask.array[0, 0, 0] = 1
    assert not review.folder.exists()
    with pytest.raises(StoreError, match="can't be begun where it can't be saved"):
        Review.open(result, read_only=True, start=Volume.from_array(start_mask(result)))


def test_a_reader_sees_the_labels_even_if_the_copy_is_gone(review: Review, result) -> None:
    decide(review, [1], Status.REJECTED)
    labels = review.labels()
    review.close()
    shutil.rmtree(review.folder / "reviewed.zarr")
    with Review.open(result, read_only=True) as reader:
        np.testing.assert_array_equal(reader.mask.array[...], labels)


def test_a_folder_that_can_not_be_written_to_is_read_only(result: Result, predicted) -> None:
    (result.path.parent / "file").touch()
    with Review.open(result, folder=result.path.parent / "file" / "review") as review:
        assert review.read_only
        assert "can't be written to" in review.notice
        np.testing.assert_array_equal(review.labels(), predicted)


def test_after_closing_nothing_is_saved(review: Review) -> None:
    review.close()
    review.close()
    with pytest.raises(StoreError, match="the review is closed"):
        decide(review, [1], Status.ACCEPTED)


def test_a_damaged_journal_is_refused(review: Review, result: Result) -> None:
    decide(review, [1], Status.REJECTED)
    review.close()
    path = review.folder / "journal.sqlite"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"reject", b"accept"))
    for open_it in (Review.open, read_reviewed_labels):
        with pytest.raises(StoreError, match="row 2 of the journal was changed"):
            open_it(result)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(StoreError, match="damaged"):
        Review.open(result)
    path.write_bytes(content)
    Review.open(result).close()


@pytest.mark.parametrize("name", ["journal.sqlite", "reviewed.zarr", "start.zarr"])
def test_links_out_of_the_folder_are_refused(result: Result, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "scan.review"
    folder.mkdir()
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="must not be a link"):
        Review.open(result)
    assert not (tmp_path / "elsewhere").exists()


def test_a_damaged_result_is_refused(review: Review, result: Result) -> None:
    review.close()
    next((result.path / "labels" / "predicted" / "0").rglob("c/0/0/0")).unlink()
    for open_it in (Review.open, read_reviewed_labels):
        with pytest.raises(StoreError, match="labels is damaged"):
            open_it(result)


def test_the_person_is_the_account_or_whoever_is_named(result: Result, monkeypatch) -> None:
    with Review.open(result, user="Zoë \ud800") as review:
        assert decide(review, [1], Status.ACCEPTED).user == r"Zoë \ud800"
    monkeypatch.setattr(getpass, "getuser", lambda: "turing")
    with Review.open(result) as review:
        assert decide(review, [1], Status.ACCEPTED).user == "turing"

    def nobody() -> str:
        raise KeyError("no such uid")

    monkeypatch.setattr(getpass, "getuser", nobody)
    with Review.open(result) as review:
        assert decide(review, [1], Status.ACCEPTED).user == "unknown"


def test_more_than_256_classes_take_wider_labels(tmp_path: Path) -> None:
    classes = tuple(f"grain {n}" for n in range(260))
    result = write_random_result(tmp_path / "r.zarr", shape=(2, 6, 8), classes=classes)
    with Review.open(result) as review:
        assert review.mask.array.dtype == np.uint16
        voxels = VoxelSet.from_mask(Roi((0, 0, 0), (1, 1, 2)), np.ones((1, 1, 2), bool))
        labels = np.array([258, 259])
        review.paint(VoxelChange(voxels, labels, labels))
        assert review.labels()[0, 0, :2].tolist() == [258, 259]
        assert review.mask.array[0, 0, :2].tolist() == [258, 259]


def test_labels_given_away_are_copies(review: Review, predicted) -> None:
    review.labels()[...] = 9
    assert_mask(review, predicted)
    assert review.result.class_names == CLASSES
