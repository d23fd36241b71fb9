from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import cluster, memory
from benchmarks.memory import _Setting
from benchmarks.one_run import Run
from napari_bayesseg.io.readers import read_volume
from tests.models import write_model


def test_sizes_are_compared_with_the_same_blocks_and_the_largest_run_chooses_its_own() -> None:
    for quick in (False, True):
        largest = [
            s for s in memory._settings(quick=quick) if (s.side, s.num_samples) == (1024, 64)
        ]
        assert [setting.is_stopped for setting in largest] == [False, True]
    full = memory._settings(quick=False)
    alike = [s for s in full if s.memory == "2GB" and not s.is_stopped]
    assert {(s.side, s.num_samples) for s in alike} == {
        (side, samples) for side in (256, 512, 1024) for samples in (4, 64)
    }
    corners = np.array([memory._ROI.start, memory._ROI.stop])
    assert not (corners % memory._BLOCK_SHAPE).any()  # no block is cut
    assert memory._ROI.size == 8 * np.prod(memory._BLOCK_SHAPE)


def test_peaks_are_compared_among_runs_with_as_many_draws() -> None:
    peaks = {_Setting(256, 4): 100, _Setting(512, 4): 104, _Setting(256, 64): 130}
    rows = {row.metric: row for row in memory._dependence(peaks)}
    four = rows["dependence | largest peak over smallest, all sizes of scan, T = 4 | ratio"]
    assert four.value == pytest.approx(1.04)
    assert four.holds is True
    assert rows["dependence | peak with T = 64 over T = 4 | ratio"].value == pytest.approx(1.3)


def test_the_goal_is_the_budget() -> None:
    run = Run(peak_bytes=2_100_000_000, block_shape=[64, 64, 64], num_blocks=8)
    rows = memory._rows(_Setting(256, 4), run)
    assert rows[0].holds is False
    assert "8 of 64 x 64 x 64" in [row.value for row in rows]


def test_the_sparse_scan_holds_the_sample_where_it_is_predicted() -> None:
    volume = read_volume(memory.sparse_scan(256))
    assert volume.shape == (256, 256, 256)
    inside = volume.read(memory._ROI)
    assert len(set(inside[0, 0].tolist())) > 10


def test_the_hash_is_that_of_the_content(tmp_path: Path) -> None:
    """Blocks and draws in another order give the same; another seed gives another."""

    model = str(write_model(tmp_path / "model"))
    voxels = np.random.default_rng(0).normal(size=(16, 32, 32)).astype(np.float32)
    found = []
    for number, changes in enumerate(({}, {"focus": (15, 31, 31)}, {"seed": 1})):
        out = tmp_path / f"{number}.zarr"
        cluster._predict(voxels, model, out, **changes)
        found.append(cluster.content(out))
    assert found[0] == found[1] != found[2]
