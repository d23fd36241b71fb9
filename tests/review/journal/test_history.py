from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.journal import operation_store
from napari_bayesseg.review.journal.history import History
from napari_bayesseg.review.journal.journal_rows import Row
from napari_bayesseg.review.journal.operation_rows import operation_content, operation_of
from napari_bayesseg.review.journal.operations import Operation, RegionDecision
from napari_bayesseg.review.labels.voxels import VoxelChange, VoxelSet
from napari_bayesseg.review.regions.region_table import RegionTable
from napari_bayesseg.review.status import Status
from tests.review.cases import table_of

SHAPE = (4, 40, 40)
AFTER = {
    "accept": Status.ACCEPTED,
    "reject": Status.REJECTED,
    "defer": Status.DEFERRED,
    "reopen": Status.PENDING,
    "edit": Status.EDITED,
}


def column(start: int, stop: int) -> np.ndarray:
    """A mask of the voxels x = start to stop of one line: one voxel thick, easy to count."""
    mask = np.zeros(SHAPE, bool)
    mask[1, 5, start:stop] = True
    return mask


def operation(kind: str, *masks: np.ndarray, sequence: int = 1, second: float = 0.0) -> Operation:
    decisions = []
    for mask in masks:
        inside = np.argwhere(mask)
        box = Roi(tuple(inside.min(0).tolist()), tuple((inside.max(0) + 1).tolist()))
        voxels = VoxelSet.from_mask(box, mask[box.slices])
        decisions.append(
            RegionDecision(1, voxels, box.start, Status.PENDING, AFTER[kind], 1.0, 1.0, 1.0)
        )
    change = None
    if kind == "edit":
        ones = np.ones(voxels.count, np.uint8)
        change = VoxelChange(voxels, ones, ones)
    minutes, rest = divmod(second, 60)
    time = f"2026-01-01T00:{int(minutes):02}:{rest:06.3f}+00:00"
    return Operation(sequence, time, "ada", kind, tuple(decisions), change, None, None)


def status_of(history: History, mask: np.ndarray) -> Status:
    table = table_of(mask.astype(np.int32))
    return history.statuses(table.region_labels, table.regions)[1]


def pushed(*operations: Operation) -> History:
    history = History(SHAPE)
    for number, made in enumerate(operations, start=1):
        history.push(replace(made, sequence=number))
    return history


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([], Status.PENDING),
        ([("accept", 0, 10)], Status.ACCEPTED),
        ([("accept", 0, 5)], Status.PENDING),  # half is not more than half
        ([("accept", 0, 6)], Status.ACCEPTED),
        ([("reject", 0, 30)], Status.REJECTED),  # the region is a part of what was rejected
        ([("accept", 0, 10), ("reject", 0, 5)], Status.PENDING),
        ([("accept", 0, 10), ("reject", 0, 6)], Status.REJECTED),
        ([("accept", 0, 10), ("reject", 0, 4)], Status.ACCEPTED),
        ([("accept", 0, 4), ("accept", 4, 8)], Status.ACCEPTED),  # two decided regions grew into it
        ([("accept", 0, 4), ("reject", 4, 8)], Status.PENDING),
        ([("accept", 0, 10), ("reopen", 0, 10)], Status.PENDING),
        ([("edit", 0, 10), ("defer", 0, 10)], Status.DEFERRED),
        ([("accept", 10, 30)], Status.PENDING),
    ],
)
def test_a_region_has_the_status_of_more_than_half_of_its_voxels(operations, expected) -> None:
    history = pushed(*[operation(kind, column(low, high)) for kind, low, high in operations])
    assert status_of(history, column(0, 10)) is expected


def test_a_moved_threshold_keeps_decisions() -> None:
    history = pushed(operation("accept", column(0, 10)), operation("reject", column(20, 30)))
    assert status_of(history, column(0, 14)) is Status.ACCEPTED  # lower: it grew
    assert status_of(history, column(0, 21)) is Status.PENDING  # it grew into something new
    higher = table_of((column(2, 4) + 2 * column(6, 9) + 3 * column(22, 24)).astype(np.int32))
    assert history.statuses(higher.region_labels, higher.regions) == {
        1: Status.ACCEPTED,
        2: Status.ACCEPTED,
        3: Status.REJECTED,
    }


def test_undo_and_redo_go_step_by_step_and_a_new_step_forgets_what_was_undone() -> None:
    mask = column(0, 10)
    history = pushed(operation("accept", mask), operation("reject", mask), operation("edit", mask))
    assert history.undo().kind == "edit"
    assert status_of(history, mask) is Status.REJECTED
    assert history.undo().kind == "reject"
    assert status_of(history, mask) is Status.ACCEPTED
    assert [done.kind for done in history.undone] == ["edit", "reject"]
    assert history.redo().kind == "reject"
    assert status_of(history, mask) is Status.REJECTED
    history.push(operation("defer", mask, sequence=4))
    assert history.redo() is None
    for expected in (Status.REJECTED, Status.ACCEPTED, Status.PENDING):
        history.undo()
        assert status_of(history, mask) is expected
    assert history.undo() is None


def test_undo_leaves_later_decisions_beside_it_alone() -> None:
    """What was decided over an older decision outside the undone box must not come back."""
    history = pushed(
        operation("accept", column(0, 30)),
        operation("reject", column(20, 30)),
        operation("defer", column(0, 5)),
    )
    history.undo()
    assert status_of(history, column(20, 30)) is Status.REJECTED
    assert status_of(history, column(0, 5)) is Status.ACCEPTED


def test_paint_is_remembered_until_labels_are_written_anew() -> None:
    mask = column(3, 8)
    box = Roi((1, 5, 0), (2, 6, 20))

    def painted(*kinds: str) -> int:
        return int(pushed(*[operation(kind, mask) for kind in kinds]).painted(box).sum())

    assert painted() == painted("accept") == painted("edit", "reject") == 0
    assert painted("edit", "reopen") == painted("edit", "accept", "reject") == 0
    assert painted("edit") == painted("edit", "accept") == painted("edit", "defer") == 5
    history = pushed(operation("edit", mask), operation("reject", mask))
    history.undo()
    assert history.painted(box).sum() == 5
    history.undo()
    assert history.painted(box).sum() == 0


def test_statuses_of_voxels_are_those_of_the_last_decision() -> None:
    history = pushed(operation("accept", column(0, 10)), operation("reject", column(5, 10)))
    box = Roi((1, 5, 3), (2, 6, 8))
    assert history.have_status(box, Status.ACCEPTED).reshape(-1).tolist() == [1, 1, 0, 0, 0]
    assert history.have_status(box, Status.REJECTED).reshape(-1).tolist() == [0, 0, 1, 1, 1]


def stored(made: Operation, kept: dict[int, Row]) -> Operation:
    """Keep an operation as a row of a journal does."""
    content = operation_content(made.decisions, made.settings, made.replacement, made.note)
    change = None if made.change is None else made.change.to_bytes()
    row = Row(made.sequence, made.time_utc, "ada", made.kind, content, change, "", "")
    kept[made.sequence] = row
    return made


@pytest.mark.parametrize("most_regions", [3, 12])  # few boxes are compared, many looked up
@pytest.mark.parametrize("room", [0, 10**9])
def test_random_histories_match_one_made_from_scratch(monkeypatch, room, most_regions) -> None:
    """Undo and redo in any order leave what the remaining operations alone give."""
    monkeypatch.setattr(operation_store, "_ROOM", room)
    rng = np.random.default_rng(5)
    kept: dict[int, Row] = {}
    history = History(SHAPE, lambda sequence: operation_of(kept[sequence]))
    whole = Roi.whole(SHAPE)
    for sequence in range(1, 120):
        choice = rng.random()
        if choice < 0.3:
            history.undo()
        elif choice < 0.45:
            history.redo()
        else:
            masks = []
            for _ in range(rng.integers(1, most_regions + 1)):
                corner = rng.integers(0, 30, 3) % np.array([3, 30, 30])
                mask = np.zeros(SHAPE, bool)
                mask[tuple(slice(c, c + rng.integers(1, 12)) for c in corner)] = True
                masks.append(
                    mask & (rng.random(SHAPE) > 0.2) | (mask & (np.arange(40) == corner[2]))
                )
            made = operation(str(rng.choice(list(AFTER))), *masks, sequence=sequence)
            history.push(stored(made, kept))
        fresh = History(SHAPE)
        for made in history.applied:
            fresh.push(made)
        np.testing.assert_array_equal(history.painted(whole), fresh.painted(whole))
        for status in Status:
            np.testing.assert_array_equal(
                history.have_status(whole, status), fresh.have_status(whole, status)
            )
        again = History(SHAPE, lambda sequence: operation_of(kept[sequence]))
        again.restore(history.as_arrays())
        for ours, theirs in (again.applied, history.applied), (again.undone, history.undone):
            assert [made.sequence for made in ours] == [made.sequence for made in theirs]
            assert [made.decisions for made in ours] == [made.decisions for made in theirs]
        assert again.seconds_per_decision == history.seconds_per_decision


def test_of_many_operations_only_those_beneath_are_read() -> None:
    """A thousand beside, and one that covers the place: undo asks for that one alone."""
    kept: dict[int, Row] = {}
    asked = []

    def load(sequence: int) -> Operation:
        asked.append(sequence)
        return operation_of(kept[sequence])

    history = History((40, 40, 40), load)
    rng = np.random.default_rng(0)
    inside = np.ones((1, 3, 3), bool)

    def push(sequence: int, kind: str, start: tuple[int, int, int]) -> None:
        z, y, x = start
        voxels = VoxelSet.from_mask(Roi(start, (z + 1, y + 3, x + 3)), inside)
        decided = RegionDecision(1, voxels, start, Status.PENDING, AFTER[kind], 1.0, 1.0, 1.0)
        made = replace(operation(kind), sequence=sequence, decisions=(decided,))
        history.push(stored(made, kept))

    push(1, "accept", (2, 2, 2))
    push(2, "reject", (2, 2, 2))
    for sequence in range(3, 1003):
        push(sequence, "accept", (int(rng.integers(4, 39)), 2, 2))
    push(1003, "defer", (2, 2, 2))
    history._store._kept.clear()
    last = operation_of(kept[1003])
    assert [made.sequence for made in history.beneath(last)] == [2]
    assert asked == [2]
    assert [made.sequence for made in history.within(Roi((2, 2, 2), (3, 5, 5)))] == [1, 2, 1003]


def test_indices_that_contradict_themselves_are_refused() -> None:
    arrays = pushed(operation("accept", column(0, 3))).as_arrays()
    for name in ("times", "firsts", "bounds"):
        with pytest.raises(StoreError, match="contradicts itself"):
            History(SHAPE).restore({**arrays, name: arrays[name][:-1]})


def test_a_time_that_is_none_is_refused() -> None:
    for time in ("yesterday", "2026-01-01T00:00:00"):
        with pytest.raises(StoreError, match="must be as ISO 8601 writes it"):
            History(SHAPE).push(replace(operation("accept", column(0, 3)), time_utc=time))


def grid_regions(size: int, offset: int) -> RegionTable:
    """Thousands of small regions on a grid, each a box with some voxels taken out of it."""
    shape = (24, 250, 250)
    labels = np.zeros(shape, np.int32)
    holes = np.random.default_rng(size).random((size,) * 3) < 0.3
    holes[0, 0, 0] = holes[-1, -1, -1] = False
    regions = []
    corners = np.indices(tuple((n - offset - size) // 8 + 1 for n in shape)).reshape(3, -1).T * 8
    for name, corner in enumerate((corners + offset).tolist(), start=1):
        box = Roi(tuple(corner), tuple(c + size for c in corner))
        labels[box.slices][~holes] = name
        count = int((~holes).sum())
        regions.append(Region(name, box, count, 1.0, 1.0, 0.1, 0.1, 0.1, box.start, (0,), False))
    return RegionTable(
        "m", 0.1, tuple(regions), RegionMap.of_labels(labels), 1.0, 0.1, ("a",), "pixel", ""
    )


def test_thousands_of_regions_after_a_thousand_decisions() -> None:
    """Decided by two thresholds in turn; asked by both."""
    tables = grid_regions(6, 0), grid_regions(5, 3)
    shape = tables[0].region_labels.shape
    assert min(len(table.regions) for table in tables) > 2500
    rng = np.random.default_rng(0)
    history = History(shape)
    truth = np.full(shape, Status.PENDING, object)
    for sequence in range(1, 1001):
        table = tables[rng.integers(2)]
        region = table.regions[rng.integers(len(table.regions))]
        kind = str(rng.choice(["accept", "reject", "defer", "reopen"]))
        inside = table.region_labels[region.box.slices] == region.id
        voxels = VoxelSet.from_mask(region.box, inside)
        decided = RegionDecision(
            region.id, voxels, region.position, Status.PENDING, AFTER[kind], 1.0, 1.0, 1.0
        )
        history.push(replace(operation(kind), sequence=sequence, decisions=(decided,)))
        truth[region.box.slices][inside] = AFTER[kind]
    for table in tables:
        expected = {}
        for region in table.regions:
            inside = table.region_labels[region.box.slices] == region.id
            found = truth[region.box.slices][inside].tolist()
            most = max(Status, key=found.count)
            expected[region.id] = most if 2 * found.count(most) > len(found) else Status.PENDING
        assert history.statuses(table.region_labels, table.regions) == expected
        assert len(set(expected.values())) == 4


def row(sequence: int, action: str, content: dict | None = None) -> Row:
    content = operation_content((), None, None, "") if content is None else content
    return Row(sequence, "2026-01-01T00:00:00+00:00", "ada", action, content, None, "", "")


def test_rows_are_replayed() -> None:
    history = History(SHAPE).replay(
        [
            row(1, "begin"),
            row(2, "accept"),
            row(3, "reject"),
            row(4, "settings", {}),
            row(5, "undo", {"operation": 3}),
            row(6, "undo", {"operation": 2}),
            row(7, "redo", {"operation": 2}),
            row(8, "run"),
        ]
    )
    assert [made.sequence for made in history.applied] == [2]
    assert [made.sequence for made in history.undone] == [3]


@pytest.mark.parametrize(
    "rows",
    [
        [row(1, "begin"), row(2, "undo", {"operation": 1})],
        [row(1, "accept"), row(2, "undo", {"operation": 9})],
        [row(1, "accept"), row(2, "undo", {})],
        [row(1, "accept"), row(2, "redo", {"operation": 1})],
        [row(1, "begin"), row(2, "merge", {})],
    ],
)
def test_rows_that_do_not_follow_are_refused(rows: list[Row]) -> None:
    with pytest.raises(StoreError, match="row 2 of the journal"):
        History(SHAPE).replay(rows)


def test_an_operation_outside_the_scan_is_refused() -> None:
    with pytest.raises(StoreError, match="row 1 of the journal leaves the scan"):
        History((1, 5, 5)).push(operation("accept", column(0, 3)))


@pytest.mark.parametrize(
    ("seconds", "pace"),
    [
        ([], None),
        ([0], None),
        ([0, 4], 4.0),
        ([0, 2, 5, 605, 609], 3.0),  # ten minutes are a break
        ([10, 5, 8], 3.0),  # the clock was set back
        ([0, 60], 60.0),
        ([0, 61], None),
    ],
)
def test_the_pace_is_the_median_pause_without_breaks(seconds: list[int], pace) -> None:
    history = pushed(*[operation("accept", column(0, 3), second=time) for time in seconds])
    assert history.seconds_per_decision == pace


def test_more_strokes_in_an_edited_region_are_no_decisions() -> None:
    first = operation("edit", column(0, 3), second=0)
    decisions = tuple(replace(d, before=Status.EDITED) for d in first.decisions)
    more = [
        replace(first, decisions=decisions, time_utc=first.time_utc.replace(":00.", f":0{n}."))
        for n in (1, 2, 3)
    ]
    last = operation("accept", column(9, 12), second=8)
    assert pushed(first, *more, last).seconds_per_decision == 8.0
