"""A review against a model that keeps a copy of everything after every step."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.result import Result
from napari_bayesseg.review.journal import operation_store
from napari_bayesseg.review.labels.voxels import voxel_change_from_indices
from napari_bayesseg.review.review import Review, read_reviewed_labels
from napari_bayesseg.review.status import Replacement, Status
from tests.review.cases import (
    SETTINGS,
    SHAPE,
    blocks,
    naive_replay,
    runner_up,
    table_of,
    write_random_result,
)


def crowded(*arguments: tuple[int, ...]) -> np.ndarray:
    """A few regions where four chunks of the mask meet: steps soon hit the same voxels."""
    return np.pad(blocks((5, 30, 40), *arguments), ((0, 0), (40, 0), (45, 45)))


# Two thresholds: large regions, and smaller ones of which some lie inside those, some across.
TABLES = (
    table_of(crowded((3, 8, 9), (5, 14, 16), (1, 2, 3))),
    table_of(crowded((3, 7, 5), (5, 11, 9), (0, 1, 2))),
)
NUMBERS = [[region.id for region in table.regions] for table in TABLES]


@dataclass
class State:
    """What there is after a step: plain arrays, nothing shared with another step."""

    labels: np.ndarray
    statuses: np.ndarray = field(default_factory=lambda: np.zeros(SHAPE, object))
    painted: np.ndarray = field(default_factory=lambda: np.zeros(SHAPE, bool))

    def copy(self) -> State:
        return State(self.labels.copy(), self.statuses.copy(), self.painted.copy())

    def status(self, inside: np.ndarray) -> Status:
        found = self.statuses[inside].tolist()
        for status in Status:
            if 2 * found.count(status) > len(found):
                return status
        return Status.PENDING


class ReviewMachine(RuleBasedStateMachine):
    result: Result
    start: np.ndarray | None

    @initialize(with_start=st.booleans())
    def begin(self, with_start: bool) -> None:
        self.folder = Path(tempfile.mkdtemp()) / "review"
        self.predicted = self.result.labels[...]
        self.base = (self.predicted + 1) % 3 if with_start else self.predicted
        start = Volume.from_array(self.base) if with_start else None
        self.review = Review.open(self.result, folder=self.folder, start=start)
        empty = State(self.base.copy())
        empty.statuses[...] = Status.PENDING
        self.done, self.undone = [empty], []

    def teardown(self) -> None:
        if hasattr(self, "review"):
            self.review.close()
            shutil.rmtree(self.folder.parent)

    def step(self) -> State:
        self.done.append(self.done[-1].copy())
        self.undone.clear()
        return self.done[-1]

    @rule(
        which=st.integers(0, 1),
        data=st.data(),
        status=st.sampled_from([Status.ACCEPTED, Status.REJECTED, Status.DEFERRED, Status.PENDING]),
        replacement=st.sampled_from(list(Replacement)),
    )
    def decide(self, which: int, data: st.DataObject, status: Status, replacement) -> None:
        if replacement is Replacement.PREVIOUS and not self.review.has_start:
            replacement = Replacement.RUNNER_UP
        ids = data.draw(st.sets(st.sampled_from(NUMBERS[which]), min_size=1, max_size=4))
        table = TABLES[which]
        regions = [region for region in table.regions if region.id in ids]
        self.review.decide(
            regions, table.region_labels, status, settings=SETTINGS, replacement=replacement
        )
        before, now = self.done[-1], self.step()
        for region in regions:
            inside = np.asarray(table.region_labels) == region.id
            edited = before.status(inside) is Status.EDITED
            if status is Status.ACCEPTED:
                now.statuses[inside] = Status.EDITED if edited else Status.ACCEPTED
                stands = inside & ~before.painted & (not edited)
                now.labels[stands] = self.predicted[stands]
                continue
            now.statuses[inside] = status
            if status is Status.DEFERRED:
                continue
            now.painted[inside] = False
            label = {
                Replacement.BACKGROUND: np.zeros(SHAPE, "u1"),
                Replacement.RUNNER_UP: self.runners_up,
                Replacement.PREVIOUS: self.base,
            }[replacement]
            now.labels[inside] = (label if status is Status.REJECTED else self.base)[inside]

    @rule(
        corner=st.tuples(st.integers(0, 4), st.integers(40, 65), st.integers(45, 80)),
        size=st.tuples(st.integers(1, 3), st.integers(1, 20), st.integers(1, 20)),
        label=st.integers(0, 2),
        region=st.one_of(st.none(), st.sampled_from(NUMBERS[0])),
    )
    def paint(self, corner, size, label: int, region: int | None) -> None:
        box = tuple(slice(c, c + n) for c, n in zip(corner, size, strict=True))
        now = self.step()
        indices = np.nonzero(np.pad(np.ones_like(now.labels[box], bool), 0))
        indices = tuple(axis + c for axis, c in zip(indices, corner, strict=True))
        old = self.review.mask.array[box].reshape(-1)
        self.review.mask.array[box] = label  # as the viewer does, before anybody is told
        change = voxel_change_from_indices(indices, old, np.uint8(label))
        if region is None:
            self.review.paint(change)
        else:
            chosen = TABLES[0].regions[region - 1]
            self.review.paint(change, chosen, TABLES[0].region_labels, SETTINGS)
            now.statuses[np.asarray(TABLES[0].region_labels) == region] = Status.EDITED
        now.labels[box] = label
        now.painted[box] = True

    @rule()
    def undo(self) -> None:
        operation = self.review.undo()
        assert (operation is None) == (len(self.done) == 1)
        if operation is not None:
            self.undone.append(self.done.pop())

    @rule()
    def redo(self) -> None:
        operation = self.review.redo()
        assert (operation is None) == (not self.undone)
        if operation is not None:
            self.done.append(self.undone.pop())

    @rule(which=st.integers(0, 1))
    def move_settings(self, which: int) -> None:
        table = TABLES[which]
        self.review.set_position(table.regions[0].position)
        assert self.review.position == table.regions[0].position

    @rule()
    def snapshot(self) -> None:
        self.review.take_snapshot()

    @rule(newest_lost=st.integers(0, 3))
    def open_again(self, newest_lost: int) -> None:
        """From the last snapshot, or as after a crash from an older one, or from the first row."""
        self.review.close()
        kept = sorted((self.folder / "snapshots").glob("*.checkpoint"), reverse=True)
        for path in kept[:newest_lost]:
            path.unlink()
        self.review = Review.open(self.result, folder=self.folder)
        assert self.review.notice == ""

    @precondition(lambda self: len(self.done) > 1)
    @rule()
    def crash_in_a_stroke(self) -> None:
        self.review.mask.array[1:4, 10:60, 50:90] = 2
        self.review.close()
        self.review = Review.open(self.result, folder=self.folder)

    @invariant()
    def mask_is_the_models(self) -> None:
        if not hasattr(self, "review"):
            return
        now = self.done[-1]
        np.testing.assert_array_equal(self.review.labels(), now.labels)
        np.testing.assert_array_equal(self.review.mask.array[...], now.labels)
        for table in TABLES:
            assert self.review.statuses(table) == {
                region.id: now.status(np.asarray(table.region_labels) == region.id)
                for region in table.regions
            }

    @rule()
    def read_elsewhere(self) -> None:
        found = read_reviewed_labels(self.result, self.folder)
        np.testing.assert_array_equal(found, self.done[-1].labels)
        naive = naive_replay(self.folder / "journal.sqlite", self.base)
        np.testing.assert_array_equal(naive, self.done[-1].labels)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return write_random_result(tmp_path_factory.mktemp("machine") / "scan.zarr")


def run(result: Result, examples: int, steps: int) -> None:
    class Machine(ReviewMachine):
        pass

    Machine.result, Machine.runners_up = result, runner_up(result)
    with pytest.MonkeyPatch.context() as patch:
        # Only the newest operation stays in memory: all others are read from the journal.
        patch.setattr(operation_store, "_ROOM", 0)
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_any_order_of_steps_gives_what_the_model_has(shared: Result) -> None:
    run(shared, 25, 20)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_many_orders_of_steps_give_what_the_model_has(shared: Result) -> None:
    run(shared, 150, 40)
