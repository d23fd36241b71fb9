from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_bayesseg.core.errors import FormatError, StoreError
from napari_bayesseg.inference.progress import Cancelled, RunProgress
from napari_bayesseg.inference.run import RunHooks
from napari_bayesseg.io.result_store import ResultStore
from tests.inference.made_runs import TablePosterior, made_scan, run_made

BLOCK = (8, 4, 6)
NUM_BLOCKS = 2 * 4 * 3
PATIENCE = 20  # seconds until a test gives up on another thread


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Any:
    yield
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith(("read-ahead", "write-behind", "draw"))]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("expected") / "r.zarr"
    return run_made(out, TablePosterior(), made_scan(), block_shape=BLOCK)[0].content_sha256()


class Written:
    """Takes the place of `ResultStore.write_arrays` and does something before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, before: Any) -> None:
        write = ResultStore.write_arrays
        self.begun: list[int] = []

        def write_arrays(store: ResultStore, index: int, *arguments: Any) -> str:
            self.begun.append(index)
            before(index)
            return write(store, index, *arguments)

        monkeypatch.setattr(ResultStore, "write_arrays", write_arrays)


def test_lines_of_the_ledger_follow_the_order_of_the_blocks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, expected: str
) -> None:
    pauses = np.random.default_rng(0).uniform(0, 0.02, NUM_BLOCKS)
    Written(monkeypatch, lambda index: time.sleep(pauses[index]))
    out, told = tmp_path / "r.zarr", []

    def progress(now: RunProgress) -> None:
        rows = list(ResultStore.open(out).ledger.rows())
        if now.block is not None:
            told.append(now.block.index)
            assert told == rows[: len(told)]
        assert now.blocks_done == len(told) <= len(rows)

    store, plan = run_made(
        out,
        TablePosterior(),
        made_scan(),
        block_shape=BLOCK,
        hooks=RunHooks(progress=progress),
    )
    assert list(store.ledger.rows()) == told == [block.index for block in plan.blocks()]
    assert store.content_sha256() == expected


def test_a_block_is_computed_while_the_one_before_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, expected: str
) -> None:
    """Block 1 is on its way to the disk until the draws of block 2 have begun."""
    computing = threading.Event()

    def wait(index: int) -> None:
        if index == 1:
            assert computing.wait(PATIENCE)

    written = Written(monkeypatch, wait)
    begun: list[object] = []

    def before_block(core: object) -> None:
        begun.append(core)
        # Before a block is begun, all but the one before it are on the disk.
        assert len(written.begun) >= len(begun) - 2
        if len(begun) == 3:
            computing.set()

    store, _ = run_made(
        tmp_path / "r.zarr",
        TablePosterior(before_block=before_block),
        made_scan(),
        block_shape=BLOCK,
    )
    assert store.content_sha256() == expected


class Reading:
    """A scan that tells of each box before it is read."""

    def __init__(self, before: Any) -> None:
        self._scan = made_scan()
        self._before = before
        self.shape, self.dtype = self._scan.shape, self._scan.dtype

    def __getitem__(self, key: Any) -> np.ndarray:
        if threading.current_thread().name.startswith("read-ahead"):
            self._before()
        return self._scan[key]


def test_the_next_block_is_read_while_one_is_computed(tmp_path: Path, expected: str) -> None:
    reads = threading.Semaphore(0)
    blocks = 0

    def before_block(_: object) -> None:
        nonlocal blocks
        blocks += 1
        assert reads.acquire(timeout=PATIENCE)
        if blocks == 1:
            assert reads.acquire(timeout=PATIENCE)  # the second block's

    posterior = TablePosterior(before_block=before_block)
    reads.release()  # the last block has none after it
    store, _ = run_made(tmp_path / "r.zarr", posterior, Reading(reads.release), block_shape=BLOCK)
    assert store.content_sha256() == expected


def test_an_error_in_writing_ends_the_run_with_its_own_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, expected: str
) -> None:
    def refuse(index: int) -> None:
        if index == 5:
            raise StoreError("no space left")

    with monkeypatch.context() as patch:
        written = Written(patch, refuse)
        # Each draw of the next block leaves the writer time to fail.
        slow = TablePosterior(before_draw=lambda _: time.sleep(0.02))
        with pytest.raises(StoreError, match="no space left"):
            run_made(tmp_path / "r.zarr", slow, made_scan(), block_shape=BLOCK)
        assert written.begun == [0, 1, 2, 3, 4, 5]
    rows = ResultStore.open(tmp_path / "r.zarr").ledger.rows()
    assert list(rows) == [0, 1, 2, 3, 4]
    again, _ = run_made(tmp_path / "r.zarr", TablePosterior(), made_scan(), block_shape=BLOCK)
    assert again.content_sha256() == expected


def test_an_error_in_reading_keeps_the_blocks_before(tmp_path: Path, expected: str) -> None:
    reads = []

    def refuse() -> None:
        reads.append(None)
        if len(reads) == 4:
            raise FormatError("chunk 3 is missing")

    with pytest.raises(FormatError, match="chunk 3 is missing"):
        run_made(tmp_path / "r.zarr", TablePosterior(), Reading(refuse), block_shape=BLOCK)
    assert list(ResultStore.open(tmp_path / "r.zarr").ledger.rows()) == [0, 1, 2]
    again, _ = run_made(tmp_path / "r.zarr", TablePosterior(), made_scan(), block_shape=BLOCK)
    assert again.content_sha256() == expected


@pytest.mark.parametrize("calls", [0, 1, 7, 40])
def test_a_cancelled_run_keeps_what_has_its_line_and_is_continued(
    calls: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, expected: str
) -> None:
    Written(monkeypatch, lambda _: time.sleep(0.01))
    asked, told = [], []

    def should_stop() -> bool:
        asked.append(None)
        return len(asked) > calls

    def progress(now: RunProgress) -> None:
        if now.block is not None:
            told.append(now.block.index)

    out = tmp_path / "r.zarr"
    hooks = RunHooks(should_stop=should_stop, progress=progress)
    with pytest.raises(Cancelled):
        run_made(out, TablePosterior(), made_scan(), block_shape=BLOCK, hooks=hooks)
    store = ResultStore.open(out)
    assert list(store.ledger.rows()) == told
    finished = np.flatnonzero(np.asarray(store.array("block_mask")))
    assert finished.tolist() == told
    again, _ = run_made(out, TablePosterior(), made_scan(), block_shape=BLOCK)
    assert again.content_sha256() == expected


def test_stopping_is_asked_for_before_each_draw_and_after_the_last(tmp_path: Path) -> None:
    draws: list[int] = []
    asked: list[int] = []

    def should_stop() -> bool:
        asked.append(len(draws))
        return False

    run_made(
        tmp_path / "r.zarr",
        TablePosterior(before_draw=lambda _: draws.append(0)),
        made_scan(),
        hooks=RunHooks(should_stop=should_stop),
        num_samples=6,
    )
    assert set(asked) >= set(range(7))


def test_a_result_of_an_earlier_version_is_continued_without_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from napari_bayesseg.inference import run

    layout = run.StoreLayout
    with monkeypatch.context() as patch:
        patch.setattr(run, "StoreLayout", lambda *a, **k: layout(*a, **{**k, "num_samples": 0}))
        stopped = iter([False] * 12 + [True] * 99)
        with pytest.raises(Cancelled):
            run_made(
                tmp_path / "r.zarr",
                TablePosterior(),
                made_scan(),
                block_shape=BLOCK,
                hooks=RunHooks(should_stop=lambda: next(stopped)),
            )
    store, _ = run_made(tmp_path / "r.zarr", TablePosterior(), made_scan(), block_shape=BLOCK)
    assert not store.has_counts
    assert len(store.ledger.rows()) == NUM_BLOCKS
