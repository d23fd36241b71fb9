from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.result import Result
from napari_bayesseg.io.provenance import run_id
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.review.audit.audit_rows import read_audits
from napari_bayesseg.review.carrying import CARRIED, Carrying, carry_review
from napari_bayesseg.review.journal.journal import Journal
from napari_bayesseg.review.journal.journal_check import check_journal
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Replacement, Status
from tests.review.cases import CLASSES, SETTINGS, naive_replay, write_random_result
from tests.review.steps import LABELS, assert_mask, decide, paint, status

STROKE = Roi((0, 60, 100), (2, 66, 110))  # outside every region


@pytest.fixture
def other(tmp_path: Path) -> Result:
    """Another model's result of the same scan."""
    made = write_random_result(tmp_path / "again.zarr", seed=5)
    store = ResultStore.open(made.path, mode="r+")
    store.update_record(run_id=run_id({"model": "again"}))
    ledger = made.path / "ledger.jsonl"
    ledger.write_text(
        ledger.read_text().replace("0123456789abcdef" * 4, run_id({"model": "again"}))
    )
    return Result(ResultStore.open(made.path))


def decide_things(review: Review) -> np.ndarray:
    """Take steps of every kind; return where a label is settled."""
    decide(review, [1], Status.ACCEPTED)
    decide(review, [2], Status.REJECTED, replacement=Replacement.RUNNER_UP)
    decide(review, [3], Status.DEFERRED)
    decide(review, [4], Status.REJECTED, replacement=Replacement.BACKGROUND)
    paint(review, STROKE, 1)
    decide(review, [5], Status.ACCEPTED)
    review.undo()
    settled = np.isin(LABELS, [1, 2, 4])
    settled[STROKE.slices] = True
    return settled


def test_decisions_go_on_with_another_models_result(review: Review, other: Result) -> None:
    settled = decide_things(review)
    labels, rows, head = review.labels(), review.sequence, review.journal_head
    folder = carry_review(Carrying(review.folder, {"model": {"name": "again"}}), other, user="bob")
    assert folder == other.path.with_name("again.review")
    with Review.open(other) as carried:
        expected = np.where(settled, labels, other.labels[...])
        assert_mask(carried, expected)
        np.testing.assert_array_equal(
            naive_replay(folder / "journal.sqlite", other.labels[...]), expected
        )
        for region in range(1, 7):
            assert status(carried, region) is status(review, region)
        assert carried.names.as_json() == review.names.as_json()
        row = list(Journal.open(folder / "journal.sqlite", read_only=True).rows())[rows]
        assert (row.action, row.user, row.previous) == ("run", "bob", head)
        assert row.content[CARRIED] == {
            "review": review.folder.name,
            "run_id": review.result.record["run_id"],
            "rows": rows,
            "sha256_of_last_row": head,
        }
        assert row.content["model"] == {"name": "again"}
        check_journal(other, folder, carried.labels(), carried.sequence)
        # The history is one: the first step can still be taken back.
        while carried.undo() is not None:
            pass
        assert_mask(carried, other.labels[...])
    assert review.sequence == rows


def test_what_is_decided_meanwhile_comes_with_the_next_copy(review: Review, other: Result) -> None:
    decide(review, [1], Status.ACCEPTED)
    carry_review(Carrying(review.folder), other)
    decide(review, [2], Status.ACCEPTED)
    carry_review(Carrying(review.folder), other)
    with Review.open(other) as carried:
        assert status(carried, 2) is Status.ACCEPTED
        decide(carried, [4], Status.ACCEPTED)
    # Nothing came since: what was decided about the new result stays.
    carry_review(Carrying(review.folder), other)
    with Review.open(other) as carried:
        assert status(carried, 4) is Status.ACCEPTED
    decide(review, [6], Status.ACCEPTED)
    with pytest.raises(StoreError, match="holds decisions of its own"):
        carry_review(Carrying(review.folder), other)


def test_a_review_of_its_own_is_never_replaced(review: Review, other: Result) -> None:
    decide(review, [1], Status.ACCEPTED)
    with Review.open(other) as own:
        decide(own, [2], Status.ACCEPTED)
        with pytest.raises(StoreError, match="another process"):
            carry_review(Carrying(review.folder), other)
    with pytest.raises(StoreError, match="holds decisions of its own"):
        carry_review(Carrying(review.folder), other)


def test_the_mask_that_a_review_began_from_comes_along(result: Result, other: Result) -> None:
    start = ((result.labels[...] + 1) % len(CLASSES)).astype(np.uint8)
    with Review.open(result, start=Volume.from_array(start, name="mask")) as review:
        decide(review, [2], Status.ACCEPTED)
        labels = review.labels()
        carry_review(Carrying(review.folder), other)
    with Review.open(other) as carried:
        assert carried.has_start
        assert_mask(carried, labels)


def test_another_scan_and_an_unbegun_review_are_refused(
    review: Review, tmp_path: Path, other: Result
) -> None:
    with pytest.raises(StoreError, match="holds no journal"):
        carry_review(Carrying(tmp_path / "nowhere.review"), other)
    small = write_random_result(tmp_path / "small.zarr", shape=(4, 10, 10))
    with pytest.raises(StoreError, match="shape"):
        carry_review(Carrying(review.folder), small)
    assert not (tmp_path / "small.review").exists()


def test_a_disk_that_refuses_leaves_nothing(
    review: Review, other: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(review, [1], Status.ACCEPTED)

    def refuse(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_bayesseg.review.carrying.flush_to_disk", refuse)
    before = sorted(review.folder.parent.iterdir())
    with pytest.raises(StoreError, match="they are all in"):
        carry_review(Carrying(review.folder), other)
    assert sorted(review.folder.parent.iterdir()) == before


def test_an_audit_that_is_on_ends_because_it_was_begun_with_other_labels(
    review: Review, other: Result
) -> None:
    content = {
        "seed": 1,
        "places": [[0, 1, 2, 0], [1, 2, 3, 1]],
        "population": 100,
        "expected_error": 0.1,
        "voxel_volume": 0.5,
        "unit": "micrometer",
        "settings": SETTINGS.as_json(),
        "run_id": review.result.record["run_id"],
        "confidence": 0.95,
    }
    begun = review.record_event("audit", content)
    review.record_event("audit-answer", {"audit": begun.sequence, "place": 0, "agrees": True})
    carry_review(Carrying(review.folder), other)
    with Review.open(other) as carried:
        (record,) = read_audits(carried.events)
        assert record.is_ended
        assert dict(record.answers) == {0: True}
    (left,) = read_audits(review.events)
    assert not left.is_ended
