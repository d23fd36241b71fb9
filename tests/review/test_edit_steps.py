"""Tools' steps: saved, undone, protected from and protecting, whole after closing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from napari_bayesseg.core.errors import SettingsError, StoreError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.review.decisions import read_labels_to_be
from napari_bayesseg.review.files.decision_files import write_decisions
from napari_bayesseg.review.journal.operation_rows import operation_of
from napari_bayesseg.review.journal.operations import Operation
from napari_bayesseg.review.labels.edits import (
    BrushReach,
    EditPlace,
    edit_place,
    fill_region,
    find_contour,
    read_probability,
    smooth_region,
    surroundings,
)
from napari_bayesseg.review.labels.voxels import VoxelChange, voxel_change_from_indices
from napari_bayesseg.review.review import Review
from napari_bayesseg.review.status import Replacement, Status
from tests.review.cases import SETTINGS, SHAPE, naive_replay, runner_up
from tests.review.files.test_decision_files import read_csv
from tests.review.steps import LABELS, TABLE, assert_mask, decide, paint, reopened, status

SPACING = (2.0, 0.5, 0.5)


def place_of(review: Review, region: int, reach: BrushReach) -> EditPlace:
    chosen = TABLE.regions[region - 1]
    protected = review.protected(surroundings(chosen, SHAPE))
    return edit_place(chosen, TABLE.region_labels, protected, reach, SPACING)


def edit(review: Review, region: int, tool: str, change: VoxelChange | None, note: str = ""):
    assert change is not None
    chosen = TABLE.regions[region - 1]
    return review.edit(change, chosen, TABLE.region_labels, SETTINGS, tool, note)


def fill(review: Review, region: int, label: int) -> Operation:
    place = place_of(review, region, BrushReach.REGION)
    change = fill_region(place, review.mask.labels, label)
    return edit(review, region, "fill", change, f"class {label}")


def smooth(review: Review, region: int) -> Operation:
    place = place_of(review, region, BrushReach.BOX)
    return edit(review, region, "smooth", smooth_region(place, review.mask.labels))


def grow(review: Review, region: int, label: int, level: float) -> Operation:
    place = place_of(review, region, BrushReach.BOX)
    probability = read_probability(review.result, place.box)
    contour = find_contour(place, review.mask.labels, probability, label, level)
    note = f"class {label} at {100 * level:.0f} %"
    return edit(review, region, "grow", contour.change, note)


def test_a_fill_is_a_step(review: Review, predicted: np.ndarray) -> None:
    operation = fill(review, 3, 2)
    predicted[LABELS == 3] = 2
    assert_mask(review, predicted)
    assert status(review, 3) is Status.EDITED
    assert (operation.kind, operation.tool) == ("edit", "fill")
    assert operation.title == "fill region 3 with class 2"
    decide(review, [3], Status.ACCEPTED)
    assert_mask(review, predicted)  # a person made it so
    assert status(review, 3) is Status.EDITED
    review.undo()
    assert review.undo() is operation
    assert_mask(review, review.result.labels[...])


def test_titles_and_files_name_the_tool(review: Review, tmp_path) -> None:
    paint(review, Roi((1, 3, 4), (3, 6, 8)), 2, region=1)
    fill(review, 3, 2)
    smooth(review, 5)
    grow(review, 7, 1, 0.3)
    decide(review, [9], Status.REJECTED)
    expected = [
        ("paint 24 voxels", "brush"),
        ("fill region 3 with class 2", "fill"),
        ("smooth region 5", "smooth"),
        ("grow region 7 to class 1 at 30 %", "grow"),
        ("reject region 9", None),
    ]
    for _ in range(2):
        applied = review.history.applied
        assert [(operation.title, operation.tool) for operation in applied] == expected
        write_decisions(tmp_path / "d.csv", review)
        _, rows = read_csv(tmp_path / "d.csv")
        assert [row["tool"] for row in rows] == [tool or "" for _, tool in expected]
        review = reopened(review)
    review.close()


def test_rows_of_strokes_are_as_they_ever_were(review: Review) -> None:
    paint(review, Roi((1, 3, 4), (3, 6, 8)), 2, region=1)
    fill(review, 3, 2)
    stroke, filled = list(review._record._journal.rows())[-2:]
    assert set(stroke.content) == {"decisions", "settings", "replacement", "note"}
    assert filled.content["tool"] == "fill"
    assert operation_of(filled).tool == "fill"
    assert operation_of(stroke).tool == "brush"
    later = replace(filled, content={**filled.content, "tool": "lasso"})
    with pytest.raises(StoreError, match="update napari-bayesseg"):
        operation_of(later)


def test_all_kinds_of_steps_are_one_history_across_restarts(
    review: Review, predicted: np.ndarray
) -> None:
    states = [predicted]
    steps = (
        lambda: decide(review, [1], Status.REJECTED),
        lambda: fill(review, 3, 2),
        lambda: paint(review, Roi((0, 2, 3), (4, 40, 60)), 1, region=3),
        lambda: smooth(review, 3),
        lambda: decide(review, [2, 5], Status.ACCEPTED),
        lambda: grow(review, 7, 1, 0.3),
        lambda: smooth(review, 7),
        lambda: decide(review, [3], Status.REJECTED, replacement=Replacement.BACKGROUND),
        lambda: fill(review, 8, 1),
        lambda: grow(review, 8, 0, 0.5),
    )
    for number, step in enumerate(steps):
        step()
        states.append(review.labels())
        if number % 4 == 3:
            review = reopened(review)
        assert_mask(review, states[-1])
    review = reopened(review)
    assert_array_equal(
        naive_replay(review.folder / "journal.sqlite", review.result.labels[...]), states[-1]
    )
    for number, state in enumerate(states[-2::-1]):
        review.undo()
        if number == 4:
            review = reopened(review)
        assert_mask(review, state)
    assert review.undo() is None
    assert_mask(review, review.result.labels[...])
    assert set(review.statuses(TABLE).values()) == {Status.PENDING}
    review = reopened(review)
    for state in states[1:]:
        review.redo()
        assert_mask(review, state)
    assert review.redo() is None
    review.close()


def test_accepted_neighbours_are_never_changed(review: Review) -> None:
    others = [region.id for region in TABLE.regions if region.id != 3]
    decide(review, others, Status.ACCEPTED)
    accepted = (LABELS > 0) & (LABELS != 3)
    before = review.labels()
    grow(review, 3, 1, 0.1)
    smooth(review, 3)
    grow(review, 3, 2, 0.3)
    after = review.labels()
    assert_array_equal(after[accepted], before[accepted])
    assert (after != before).any()


def test_what_can_not_be_saved_changes_nothing(review: Review, predicted, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(review._record._journal, "append", full)
        with pytest.raises(StoreError, match="full"):
            fill(review, 3, 2)
    outside = voxel_change_from_indices(([1], [2], [400]), 0, 1)
    nothing = voxel_change_from_indices(([], [], []), 0, 1)
    large = voxel_change_from_indices(([1], [2], [3]), 0, 300)
    for change, message in (
        (outside, "inside the scan"),
        (nothing, "at least one voxel"),
        (large, "from 0 to 255"),
    ):
        with pytest.raises(SettingsError, match=message):
            edit(review, 3, "fill", change)
    assert_mask(review, predicted)
    assert status(review, 3) is Status.PENDING
    assert review.sequence == 1


def test_labels_before_are_those_of_the_mask_whatever_is_said(review: Review, predicted) -> None:
    change = voxel_change_from_indices(([1], [2], [3]), 7, 2)
    assert edit(review, 1, "fill", change).change.old.tolist() == [predicted[1, 2, 3]]


@pytest.mark.parametrize("replacement", [Replacement.RUNNER_UP, Replacement.BACKGROUND])
def test_labels_read_ahead_decide_the_same(review: Review, replacement: Replacement) -> None:
    regions = TABLE.regions[2:9]
    paint(review, Roi((0, 2, 3), (4, 40, 60)), 1)
    for wanted in (Status.REJECTED, Status.ACCEPTED, Status.DEFERRED, Status.PENDING):
        known = read_labels_to_be(review.result, regions, TABLE.region_labels, wanted, replacement)
        assert (known is None) == (
            wanted in (Status.DEFERRED, Status.PENDING)
            or (wanted is Status.REJECTED and replacement is Replacement.BACKGROUND)
        )
        states = []
        for labels_to_be in (None, known):
            review.decide(
                regions,
                TABLE.region_labels,
                wanted,
                settings=SETTINGS,
                replacement=replacement,
                labels_to_be=labels_to_be,
            )
            states.append(review.labels())
            review.undo()
        assert_array_equal(*states)
        review.redo()


def test_many_regions_at_once_spare_what_was_accepted_at_another_threshold(
    review: Review, predicted: np.ndarray
) -> None:
    # A region of yesterday: a third of region 3, and most of region 5.
    old = np.zeros(SHAPE, np.int32)
    parts = {3: 3, 5: 1}
    for region, share in parts.items():
        places = np.argwhere(region == LABELS)
        old[tuple(places[: len(places) // share - (share == 1)].T)] = region
    for region in parts:
        z, y, x = np.nonzero(old == region)
        box = Roi(
            (int(z.min()), int(y.min()), int(x.min())),
            (int(z.max()) + 1, int(y.max()) + 1, int(x.max()) + 1),
        )
        yesterday = replace(TABLE.regions[region - 1], box=box, voxel_count=z.size)
        review.decide([yesterday], old, Status.ACCEPTED, settings=SETTINGS)
    assert (status(review, 3), status(review, 5)) == (Status.PENDING, Status.ACCEPTED)
    chosen = [region for region in TABLE.regions if region.id in (3, 4, 5)]
    operation = review.decide(
        chosen, TABLE.region_labels, Status.REJECTED, settings=SETTINGS, spare_accepted=True
    )
    assert [decision.region_id for decision in operation.decisions] == [3, 4]
    lost = ((LABELS == 3) & (old != 3)) | (LABELS == 4)
    predicted[lost] = runner_up(review.result)[lost]
    assert_mask(review, predicted)
    assert_array_equal(review.protected(Roi.whole(SHAPE)), old > 0)
    assert [status(review, n) for n in (3, 4, 5)] == [
        Status.REJECTED,
        Status.REJECTED,
        Status.ACCEPTED,
    ]
    with pytest.raises(SettingsError, match="protected"):
        review.decide(
            chosen[-1:],
            TABLE.region_labels,
            Status.REJECTED,
            settings=SETTINGS,
            spare_accepted=True,
        )
