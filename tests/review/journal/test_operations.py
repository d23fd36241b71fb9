from __future__ import annotations

import numpy as np
import pytest

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.review.journal.journal_rows import Row
from napari_bayesseg.review.journal.operation_rows import operation_content, operation_of
from napari_bayesseg.review.journal.operations import KINDS, Operation, RegionDecision
from napari_bayesseg.review.labels.voxels import VoxelSet, voxel_change_from_indices
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.status import Replacement, Status


def decision(name: int = 12, start=(1, 2, 3)) -> RegionDecision:
    mask = np.random.default_rng(name).random((3, 4, 5)) > 0.4
    box = Roi(start, tuple(a + n for a, n in zip(start, mask.shape, strict=True)))
    voxels = VoxelSet.from_mask(box, mask)
    return RegionDecision(
        name, voxels, (2, 3, 4), Status.PENDING, Status.REJECTED, 0.1 + 0.2, 12.5, 0.693
    )


def operation(kind="reject", decisions=(), change=None, **changes) -> Operation:
    values = {"settings": None, "replacement": None, "note": ""} | changes
    return Operation(7, "2026-01-01T00:00:00.000+00:00", "ada", kind, decisions, change, **values)


STROKE = voxel_change_from_indices(([4, 4, 5], [0, 2, 2], [7, 9, 9]), [0, 0, 1], [2, 2, 2])


@pytest.mark.parametrize(
    ("made", "title"),
    [
        (operation("reject", (decision(),)), "reject region 12"),
        (operation("accept", (decision(),) * 87), "accept 87 regions"),
        (operation("edit", (decision(),), STROKE), "paint 3 voxels"),
        (operation("edit", (), voxel_change_from_indices(([1], [1], [1]), 0, 1)), "paint 1 voxel"),
        (operation("reopen", (decision(3),)), "reopen region 3"),
        (operation("defer", (decision(3), decision(4))), "defer 2 regions"),
    ],
)
def test_titles_say_what_was_done(made: Operation, title: str) -> None:
    assert made.title == title


def test_boxes_and_position_are_those_of_the_regions_and_the_change() -> None:
    one, other = decision(1), decision(2, (9, 9, 9))
    assert operation("edit", (one, other, one), STROKE).boxes == (one.box, other.box, STROKE.box)
    assert operation("edit", (one,), STROKE).position == one.position
    assert operation("edit", (), STROKE).position == (5, 1, 8)
    assert operation("defer").position is None
    assert operation("defer").boxes == ()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("whole", [True, False])
def test_a_row_gives_the_operation_back(kind: str, whole: bool) -> None:
    made = operation(kind)
    if whole:
        made = operation(
            kind,
            (decision(1), decision(2)),
            STROKE,
            settings=RegionSettings("expected_error_excess", -0.1, 0.7, 27.0, None),
            replacement=Replacement.PREVIOUS,
            note="=Zoë \ud800",
        )
    content = operation_content(made.decisions, made.settings, made.replacement, made.note)
    change = None if made.change is None else made.change.to_bytes()
    row = Row(made.sequence, made.time_utc, made.user, kind, content, change, "", "")
    again = operation_of(row)
    assert again.decisions == made.decisions
    assert (again.settings, again.replacement, again.note) == (
        made.settings,
        made.replacement,
        made.note,
    )
    assert (again.change and again.change.to_bytes()) == change
    assert (again.sequence, again.time_utc, again.user, again.kind) == (
        7,
        made.time_utc,
        "ada",
        kind,
    )


@pytest.mark.parametrize(
    ("action", "entry", "value"),
    [
        ("dance", None, None),
        ("accept", "decisions", None),
        ("accept", "decisions", [{}]),
        ("accept", "decisions", [{"box": [0, 0, 0, 9, 9, 9], "voxels": "AAAA"}]),
        ("accept", "settings", {"measure": "x"}),
        ("accept", "replacement", "nothing"),
        ("accept", "note", ...),
    ],
)
def test_a_row_that_can_not_be_understood_is_named(action: str, entry, value) -> None:
    content = operation_content((decision(),), None, None, "")
    if value is ...:
        del content[entry]
    elif entry is not None:
        content[entry] = value
    row = Row(9, "", "", action, content, None, "", "")
    with pytest.raises(
        StoreError, match=rf"^row 9 of the journal \({action}\) can't be understood"
    ):
        operation_of(row)


def test_a_damaged_change_is_named_with_its_row() -> None:
    row = Row(9, "", "", "edit", operation_content((), None, None, ""), b"x", "", "")
    with pytest.raises(StoreError, match=r"^row 9 of the journal"):
        operation_of(row)


def test_only_accepted_rejected_and_edited_are_decided() -> None:
    decided = {status for status in Status if status.is_decided}
    assert decided == {Status.ACCEPTED, Status.REJECTED, Status.EDITED}
