from __future__ import annotations

import shutil

import numpy as np
import pytest

from napari_bayesseg.core.errors import BayesSegWarning, SettingsError, StoreError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.review.labels.voxels import voxel_change_from_indices
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Replacement, Status
from tests.review.cases import (
    SETTINGS,
    SHAPE,
    naive_replay,
    runner_up,
)
from tests.review.steps import LABELS, TABLE, assert_mask, decide, paint, reopened, status


def test_a_review_begins_with_the_predicted_labels(review: Review, predicted, tmp_path) -> None:
    assert_mask(review, predicted)
    assert review.folder == tmp_path / "scan.review"
    assert (review.read_only, review.notice, review.has_start) == (False, "", False)
    assert (review.settings, review.position, review.seconds_per_decision) == (None, None, None)
    assert set(review.statuses(TABLE).values()) == {Status.PENDING}
    assert review.mask.array.dtype == predicted.dtype
    assert review.sequence == 1
    assert (review.undo(), review.redo()) == (None, None)


@pytest.mark.parametrize(
    ("replacement", "expected"),
    [
        (Replacement.BACKGROUND, lambda result: np.zeros(SHAPE, "u1")),
        (Replacement.RUNNER_UP, runner_up),
    ],
)
def test_a_rejected_region_gets_other_labels(review, predicted, replacement, expected) -> None:
    operation = decide(review, [3], Status.REJECTED, replacement=replacement, note="foreign")
    inside = LABELS == 3
    predicted[inside] = expected(review.result)[inside]
    assert_mask(review, predicted)
    assert review.statuses(TABLE) == {
        region.id: Status.REJECTED if region.id == 3 else Status.PENDING for region in TABLE.regions
    }
    assert (operation.title, operation.note, operation.user) == (
        "reject region 3",
        "foreign",
        "ada",
    )
    assert (operation.replacement, operation.settings) == (replacement, SETTINGS)
    assert operation.sequence == review.sequence == 2
    (made,) = operation.decisions
    region = TABLE.regions[2]
    assert (made.before, made.after) == (Status.PENDING, Status.REJECTED)
    assert (made.region_id, made.box, made.position) == (3, region.box, region.position)
    assert made.expected_error_volume == region.expected_error_volume
    np.testing.assert_array_equal(made.voxels.mask(), inside[region.box.slices])


def test_accepting_gives_the_predicted_labels_back(review: Review, predicted) -> None:
    decide(review, [1, 2], Status.REJECTED)
    decide(review, [1], Status.ACCEPTED)
    predicted[LABELS == 2] = runner_up(review.result)[LABELS == 2]
    assert_mask(review, predicted)
    assert (status(review, 1), status(review, 2)) == (Status.ACCEPTED, Status.REJECTED)


def test_deferring_leaves_labels_alone_and_reopening_restores_them(review, predicted) -> None:
    before = predicted.copy()
    decide(review, [1], Status.REJECTED)
    decide(review, [1, 2], Status.DEFERRED)
    predicted[LABELS == 1] = runner_up(review.result)[LABELS == 1]
    assert_mask(review, predicted)
    assert (status(review, 1), status(review, 2)) == (Status.DEFERRED,) * 2
    paint(review, Roi((2, 2, 3), (3, 4, 6)), 0, region=1)
    decide(review, [1, 2], Status.PENDING)
    assert_mask(review, before)
    assert (status(review, 1), status(review, 2)) == (Status.PENDING,) * 2


def test_many_regions_are_one_step(review: Review, predicted) -> None:
    before = predicted.copy()
    ids = [region.id for region in TABLE.regions]
    operation = decide(review, ids, Status.REJECTED)
    assert operation.title == f"reject {len(ids)} regions"
    predicted[LABELS > 0] = runner_up(review.result)[LABELS > 0]
    assert_mask(review, predicted)
    assert set(review.statuses(TABLE).values()) == {Status.REJECTED}
    assert review.undo() is operation
    assert_mask(review, before)
    assert set(review.statuses(TABLE).values()) == {Status.PENDING}
    assert review.redo() is operation
    assert_mask(review, predicted)


def test_a_stroke_is_saved_and_makes_the_region_edited(review: Review, predicted) -> None:
    box = Roi((1, 3, 4), (3, 6, 8))
    operation = paint(review, box, 2, region=1)
    assert (operation.title, status(review, 1)) == ("paint 24 voxels", Status.EDITED)
    predicted[box.slices] = 2
    assert_mask(review, predicted)
    outside = Roi((0, 60, 100), (5, 70, 130))
    paint(review, outside, 1)
    predicted[outside.slices] = 1
    assert_mask(review, predicted)
    assert list(review.statuses(TABLE).values()).count(Status.PENDING) == len(TABLE.regions) - 1


def test_accepting_never_paints_over_what_was_painted(review: Review, predicted) -> None:
    box = Roi((1, 3, 4), (3, 6, 8))
    paint(review, box, 2, region=1)
    decide(review, [1, 2], Status.ACCEPTED)
    assert (status(review, 1), status(review, 2)) == (Status.EDITED, Status.ACCEPTED)
    stroke = Roi((2, 2, 20), (3, 6, 24))  # in region 2, painted without being in it
    paint(review, stroke, 0)
    decide(review, [2], Status.ACCEPTED)
    predicted[box.slices], predicted[stroke.slices] = 2, 0
    assert_mask(review, predicted)
    assert status(review, 2) is Status.ACCEPTED
    decide(review, [1, 2], Status.REJECTED)
    decide(review, [1, 2], Status.ACCEPTED)
    inside = (LABELS == 1) | (LABELS == 2)
    predicted[inside] = review.result.labels[...][inside]
    assert_mask(review, predicted)


def test_accepted_voxels_are_protected(review: Review) -> None:
    decide(review, [2], Status.ACCEPTED)
    decide(review, [3], Status.REJECTED)
    np.testing.assert_array_equal(review.protected(Roi.whole(SHAPE)), LABELS == 2)
    decide(review, [2], Status.PENDING)
    assert not review.protected(Roi.whole(SHAPE)).any()


def test_undo_takes_strokes_and_decisions_back_in_one_order(review: Review, predicted) -> None:
    states = [predicted]
    decide(review, [1], Status.REJECTED)
    states.append(review.labels())
    paint(review, Roi((1, 2, 3), (3, 6, 8)), 2, region=1)
    states.append(review.labels())
    paint(review, Roi((0, 2, 3), (5, 70, 8)), 1)
    states.append(review.labels())
    decide(review, [1, 2, 5], Status.REJECTED, replacement=Replacement.BACKGROUND)
    for state in states[::-1]:
        review.undo()
        assert_mask(review, state)
    assert review.undo() is None
    for state in states[1:]:
        review.redo()
        assert_mask(review, state)
    review = reopened(review)
    assert review.notice == ""
    assert review.redo().title == "reject 3 regions"  # even after closing
    assert review.redo() is None
    review.undo()
    decide(review, [9], Status.DEFERRED)
    assert review.redo() is None
    assert_mask(review, states[-1])
    kinds = [row.action for row in review._record._journal.rows()]
    assert kinds.count("undo") == 5
    assert len(kinds) == review.sequence  # nothing is ever erased
    review.close()


def test_steps_are_read_one_by_one_while_the_review_goes_on(review: Review) -> None:
    made = [decide(review, [n], Status.ACCEPTED).sequence for n in (1, 2, 3)]
    steps = review.operations()
    first = next(steps)
    review.undo()
    decide(review, [4], Status.REJECTED)
    assert [step.sequence for step in (first, *steps)] == made
    assert [step.sequence for step in review.operations()] == [*made[:2], made[2] + 2]


def test_everything_is_there_again_after_closing(review: Review) -> None:
    decide(review, [1], Status.REJECTED, next_position=(3, 2, 1))
    decide(review, [2], Status.DEFERRED)
    paint(review, Roi((1, 40, 30), (3, 60, 80)), 2, region=8)
    review.undo()
    labels, statuses, sequence = review.labels(), review.statuses(TABLE), review.sequence
    review = reopened(review)
    assert review.notice == ""
    assert_mask(review, labels)
    assert review.statuses(TABLE) == statuses
    assert review.sequence == sequence
    np.testing.assert_array_equal(
        naive_replay(review.folder / "journal.sqlite", review.result.labels[...]), labels
    )
    review.close()


def test_settings_and_place_are_kept(review: Review) -> None:
    review.set_settings(SETTINGS)
    review.set_position((4, 3, 2))
    sequence = review.sequence
    review.set_settings(SETTINGS)
    review.set_position((4, 3, 2))
    assert review.sequence == sequence
    review = reopened(review)
    assert (review.settings, review.position) == (SETTINGS, (4, 3, 2))
    decide(review, [1], Status.ACCEPTED)
    assert review.position == (4, 3, 2)
    decide(review, [2], Status.ACCEPTED, next_position=(1, 1, 1))
    other = RegionSettings("expected_error", 0.1, 0.2)
    review.decide(TABLE.regions[2:3], TABLE.region_labels, Status.ACCEPTED, settings=other)
    review = reopened(review)
    assert (review.settings, review.position) == (other, (1, 1, 1))
    review.undo()
    assert review.position == TABLE.regions[2].position  # where something just changed
    review.close()


@pytest.mark.parametrize("measure", ["doubt", "mutual_information"])
def test_settings_out_of_range_are_refused(review: Review, measure: str) -> None:
    with pytest.raises(SettingsError, match=r"measure must be|upper threshold"):
        review.set_settings(RegionSettings(measure, 0.5, 0.1))
    assert review.settings is None


def test_what_can_not_be_decided_is_refused(review: Review, predicted) -> None:
    regions, region_map = TABLE.regions[:1], TABLE.region_labels
    smaller = RegionMap.of_labels(LABELS[:3])
    others = RegionMap.of_labels(LABELS * 2)
    for arguments, message in [
        (([], region_map, Status.ACCEPTED), "at least one region"),
        ((regions, smaller, Status.ACCEPTED), "must have the scan's shape"),
        ((regions, others, Status.ACCEPTED), "region 1 has 210 voxels, but 0 in region_labels"),
        ((regions, region_map, Status.EDITED), "a decision must be one of"),
    ]:
        with pytest.raises(SettingsError, match=message):
            review.decide(*arguments, settings=SETTINGS)
    with pytest.raises(SettingsError, match="only where the review began from a mask"):
        decide(review, [1], Status.REJECTED, replacement=Replacement.PREVIOUS)
    assert review.sequence == 1
    assert_mask(review, predicted)


@pytest.mark.parametrize(
    ("indices", "label", "message"),
    [
        (([], [], []), 1, "at least one voxel"),
        (([1, 1], [2, 70], [3, 3]), 1, r"inside the scan of \(5, 70, 130\) voxels"),
        (([1], [-1], [3]), 1, "inside the scan"),
        (([1], [2], [3]), 256, "from 0 to 255; got 256"),
        (([1], [2], [3]), -1, "from 0 to 255; got -1"),
    ],
)
def test_a_stroke_that_can_not_be_saved_is_taken_back(
    review: Review, predicted, indices, label, message
) -> None:
    review.mask.array[1, 2:9, 3] = 2
    with pytest.raises(SettingsError, match=message):
        review.paint(voxel_change_from_indices(indices, 0, label))
    if len(indices[0]) and indices[1][0] >= 0:
        assert_mask(review, predicted)
    assert review.sequence == 1


def test_a_stroke_in_a_region_needs_its_labels(review: Review, predicted) -> None:
    review.mask.array[1, 2, 3] = 2
    change = voxel_change_from_indices(([1], [2], [3]), 0, 2)
    with pytest.raises(SettingsError, match="needs the labels of the regions"):
        review.paint(change, TABLE.regions[0])
    assert_mask(review, predicted)


def test_a_full_disk_takes_back_what_was_painted(review: Review, predicted, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("the disk is full")

    decide(review, [1], Status.DEFERRED)
    journal = review._record._journal
    with monkeypatch.context() as patch:
        patch.setattr(journal, "append", full)
        with pytest.raises(StoreError, match="full"):
            paint(review, Roi((1, 2, 3), (3, 6, 8)), 2, region=1)
        with pytest.raises(StoreError, match="full"):
            decide(review, [2], Status.REJECTED)
        with pytest.raises(StoreError, match="full"):
            review.undo()
    assert_mask(review, predicted)
    assert (status(review, 1), status(review, 2)) == (Status.DEFERRED, Status.PENDING)
    decide(review, [2], Status.REJECTED)
    assert status(review, 2) is Status.REJECTED


def test_a_mask_that_lags_behind_the_journal_is_repaired(review: Review, monkeypatch) -> None:
    """As when the program is killed between the row and the mask, and in a stroke."""
    decide(review, [1], Status.REJECTED)
    with monkeypatch.context() as patch:
        patch.setattr(type(review.mask), "_store", lambda self, chunks: None)
        decide(review, [2, 9], Status.REJECTED)
    labels = review.labels()
    review.mask.array[0, 60:70, 0:9] = 2
    review = reopened(review)
    assert "2 pieces of the mask differed from the journal" in review.notice
    assert_mask(review, labels)
    shutil.rmtree(review.folder / "reviewed.zarr")
    review = reopened(review)
    assert review.notice == ""
    assert_mask(review, labels)
    review.close()


def test_a_mask_that_can_not_be_written_is_caught_up_with(review: Review) -> None:
    chunk = review.folder / "reviewed.zarr" / "c" / "0" / "0" / "0"
    chunk.unlink()
    chunk.mkdir()
    with pytest.warns(BayesSegWarning, match="the step is saved"):
        decide(review, [1], Status.REJECTED)
    chunk.rmdir()
    decide(review, [9], Status.DEFERRED)
    paint(review, Roi((0, 69, 129), (1, 70, 130)), 1)
    np.testing.assert_array_equal(review.mask.array[...], review.labels())


def test_an_event_is_in_the_journal_and_survives_undo_and_reopening(review: Review) -> None:
    row = review.record_event("note", {"text": "looked at twice"})
    assert review.undo() is None
    result, folder = review.result, review.folder
    review.close()
    with Review.open(result, folder=folder) as again:
        assert again.events == (row,)
        assert again.events[0].content == {"text": "looked at twice"}


def test_an_unknown_event_is_refused(review: Review) -> None:
    with pytest.raises(SettingsError, match="an event must be one of"):
        review.record_event("dance", {})
