from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_bayesseg.core.errors import BayesSegError, SettingsError
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference import run as run_module
from napari_bayesseg.inference.predict import RunHooks, predict
from napari_bayesseg.inference.progress import Cancelled, RunProgress
from napari_bayesseg.inference.result import Result

psutil = pytest.importorskip("psutil")
distributed = pytest.importorskip("distributed")

SHAPE = (16, 24, 32)
BLOCK = (8, 8, 8)
NUM_BLOCKS = 2 * 3 * 4

needs_kill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")


class Fragile:
    """A scan in which the block at the origin can't be read by any other process."""

    def __init__(self, scan: np.ndarray, *, kills: bool = False) -> None:
        self._scan = scan
        self._kills = kills
        self._pid = os.getpid()
        self.shape, self.dtype = scan.shape, scan.dtype

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        # Of the blocks, only that at the origin reads no further than this.
        if os.getpid() != self._pid and all(s.stop < 24 and s.start == 0 for s in key):
            if self._kills:
                os.kill(os.getpid(), signal.SIGKILL)
            raise ValueError("bad corner")
        return self._scan[key]


@pytest.fixture(scope="module")
def scan() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 900, SHAPE).astype(np.uint16)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go; none may be left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def run(scan: Any, models: dict[str, Path], out: Path, **arguments: Any) -> Result:
    values = {"num_samples": 3, "block_shape": BLOCK, **arguments}
    return predict(scan, models["bcnn"], out, **values)


@pytest.fixture(scope="module")
def expected(
    scan: np.ndarray, models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> str:
    out = tmp_path_factory.mktemp("serial") / "r.zarr"
    return run(scan, models, out)._store.content_sha256()


class Killer:
    """Kills a worker each time that one of these numbers of blocks is done."""

    def __init__(self, *when: int) -> None:
        self._when = list(when)
        self.killed: list[int] = []
        self.addresses: set[str] = set()

    def __call__(self, now: RunProgress) -> None:
        if now.block is None:
            return
        if now.blocks_done == 1:
            self.addresses = listening_addresses()
        if now.blocks_done in self._when:
            self._when.remove(now.blocks_done)
            worker = multiprocessing.active_children()[0]
            self.killed.append(worker.pid or 0)
            os.kill(self.killed[-1], signal.SIGKILL)


def listening_addresses() -> set[str]:
    me = psutil.Process()
    return {
        connection.laddr.ip
        for process in (me, *me.children(recursive=True))
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }


@needs_kill
def test_workers_that_are_killed_leave_the_result_bit_for_bit(
    scan: np.ndarray, models: dict[str, Path], tmp_path: Path, expected: str, temporary: Path
) -> None:
    killer = Killer(2, 9)
    result = run(scan, models, tmp_path / "r.zarr", workers=2, hooks=RunHooks(progress=killer))
    assert len(set(killer.killed)) == 2
    assert result._store.content_sha256() == expected
    assert result.is_complete
    assert killer.addresses == {"127.0.0.1"}
    assert list(temporary.iterdir()) == []
    assert multiprocessing.active_children() == []
    assert {path.name for path in tmp_path.iterdir()} == {"r.zarr", "temporary"}


@needs_kill
@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_workers_gives_the_same_result(
    workers: int, scan: np.ndarray, models: dict[str, Path], tmp_path: Path, expected: str
) -> None:
    killer = Killer(1, 12)
    result = run(
        scan, models, tmp_path / "r.zarr", workers=workers, hooks=RunHooks(progress=killer)
    )
    assert len(set(killer.killed)) == 2
    assert result._store.content_sha256() == expected


def test_a_cancelled_run_keeps_what_has_its_line_and_is_continued_in_one_process(
    scan: np.ndarray, models: dict[str, Path], tmp_path: Path, expected: str
) -> None:
    told: list[int] = []

    def progress(now: RunProgress) -> None:
        if now.block is not None:
            told.append(now.block.index)

    hooks = RunHooks(progress=progress, should_stop=lambda: len(told) >= 5)
    focus = (15, 23, 31)
    with pytest.raises(Cancelled):
        run(scan, models, tmp_path / "r.zarr", workers=2, hooks=hooks, focus=focus)
    store = run_module.ResultStore.open(tmp_path / "r.zarr")
    assert list(store.ledger.rows()) == told
    # Nearest first: no more than two blocks a worker are begun besides those that are done.
    nearest = Result(store).plan.blocks(focus)[: len(told) + 2 * 2]
    assert set(told) <= {block.index for block in nearest}
    assert run(scan, models, tmp_path / "r.zarr")._store.content_sha256() == expected


@pytest.mark.parametrize(
    ("kills", "reason"),
    [
        (False, "ValueError: bad corner"),
        pytest.param(
            True, "its worker process died each time", marks=[needs_kill, pytest.mark.long]
        ),
    ],
)
def test_a_block_that_always_fails_is_named_and_the_others_are_kept(
    kills: bool,
    reason: str,
    scan: np.ndarray,
    models: dict[str, Path],
    tmp_path: Path,
    expected: str,
) -> None:
    fragile = Volume.from_array(Fragile(scan, kills=kills))
    with pytest.raises(BayesSegError) as caught:
        run(fragile, models, tmp_path / "r.zarr", workers=1, skip_below=-1)
    message = str(caught.value)
    assert message.startswith(f"block 0 (voxels 0:8,0:8,0:8) failed 3 times: {reason}")
    assert "\n" not in message
    rows = run_module.ResultStore.open(tmp_path / "r.zarr").ledger.rows()
    assert set(rows) == set(range(1, NUM_BLOCKS))
    mended = run(scan, models, tmp_path / "r.zarr", skip_below=-1)
    assert mended._store.content_sha256() == expected


def test_a_cluster_that_is_running_computes_the_blocks(
    scan: np.ndarray, models: dict[str, Path], tmp_path: Path, expected: str
) -> None:
    settings = {"threads_per_worker": 2, "dashboard_address": None, "memory_limit": 0}
    with distributed.LocalCluster(n_workers=1, silence_logs=50, **settings) as cluster:
        address = cluster.scheduler_address
        result = run(scan, models, tmp_path / "r.zarr", scheduler=address)
    assert result._store.content_sha256() == expected


def test_a_cluster_that_is_absent_is_told_of(
    scan: np.ndarray, models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_bayesseg.inference import dask_runner

    monkeypatch.setattr(dask_runner, "_SECONDS_TO_CONNECT", 0.5)
    with pytest.raises(SettingsError, match=r"tcp://127\.0\.0\.1:9 can't be reached") as caught:
        run(scan, models, tmp_path / "r.zarr", scheduler="tcp://127.0.0.1:9")
    assert "\n" not in str(caught.value)


def test_a_missing_package_is_named_with_what_installs_it(
    scan: np.ndarray, models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r'pip install "napari-bayesseg\[distributed\]"'):
        run(scan, models, tmp_path / "r.zarr", workers=2)
    assert not (tmp_path / "r.zarr").exists()
