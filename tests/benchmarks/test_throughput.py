from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import contest, throughput
from benchmarks.contest import KEPT, PLAIN, Arena, Field, Timing
from benchmarks.contestants import Own, Peer, cubic_scan
from benchmarks.nets import SHIPPED, Net, fixed_draw, random_model, realisations
from benchmarks.rows import Row
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.networks.checkpoint import load_card, load_network
from napari_bayesseg.networks.normalisation import set_statistics
from napari_bayesseg.posteriors.open import open_model

SIDE = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_model(tmp_path_factory.mktemp("nets") / "tiny", (4, 8))


@pytest.fixture(scope="module")
def field(folder: Path) -> Field:
    return Field(str(folder), SIDE, 16, 2)


def clocks_of(seconds: dict[str, float]) -> tuple[dict[str, object], list[str]]:
    order: list[str] = []

    def clock(name: str) -> Timing:
        order.append(name)
        return Timing(seconds[name], 2 * seconds[name])

    return {name: lambda name=name: clock(name) for name in seconds}, order


def test_random_weights_keep_logits_near_unit_scale(folder: Path) -> None:
    network = load_network(folder, load_card(folder))
    set_statistics(network, "population")
    with torch.inference_mode():
        logits = network(torch.randn(1, 1, SIDE, SIDE, SIDE), realisations(network))
    assert 0.2 < logits.std().item() < 5


def test_a_fixed_draw_is_the_same_in_every_layout(folder: Path) -> None:
    windows = torch.randn(2, 1, 16, 16, 16)
    with torch.inference_mode():
        one, other = (fixed_draw(folder, channels_last=last)(windows) for last in (False, True))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(one.sum(1), torch.ones(2, 16, 16, 16))


def test_peers_get_the_function_that_ours_computes(folder: Path) -> None:
    shape = (SIDE, SIDE, SIDE)
    scan = cubic_scan(SIDE)
    posterior, _, _ = open_model(folder, torch.device("cpu"))
    features = posterior.prepare(Roi.whole(shape), shape, scan.read)
    ours = posterior.draw(0, seed=0).probabilities(features)
    with torch.inference_mode():
        theirs = fixed_draw(folder)(torch.from_numpy(scan.read(Roi.whole(shape)))[None, None])
    np.testing.assert_allclose(ours, theirs[0].numpy(), atol=1e-4)


def test_the_cube_is_the_sample_and_its_mirror() -> None:
    voxels = cubic_scan(100).read(Roi.whole((100, 100, 100)))
    np.testing.assert_array_equal(voxels[96:], voxels[95:91:-1])


def test_a_peer_covers_the_whole_cube(field: Field) -> None:
    found = Peer(field, "strided").run(warm_up=False)
    assert found.shape == (1, 3, SIDE, SIDE, SIDE)
    torch.testing.assert_close(found.sum(1), torch.ones(1, SIDE, SIDE, SIDE))


def test_ours_leaves_nothing_behind(field: Field) -> None:
    own = Own(field, "float32", store=True)
    own.run(warm_up=False)
    assert not (contest_folder := own_folder()).exists(), contest_folder


def own_folder() -> Path:
    from benchmarks.data import workspace

    return workspace() / "contest.zarr"


def test_each_kind_of_contestant_is_timed_in_its_process(field: Field) -> None:
    with Arena(field, keep_memory=True) as arena:
        timing = arena.time("ours, float32")
    assert timing.error == ""
    assert timing.seconds > 0


def test_a_contestant_that_fails_says_why() -> None:
    with Arena(Field("nowhere", SIDE, 16, 2), keep_memory=False) as arena:
        timing = arena.time("strided chunks, trimmed and averaged")
        again = arena.time("strided chunks, trimmed and averaged")
    assert "nowhere" in timing.error
    assert again.error


def test_what_is_not_installed_is_named() -> None:
    def run() -> None:
        raise ModuleNotFoundError("No module named 'peer'", name="peer")

    assert contest._timed(run).error == "peer is not installed"


def test_the_slow_run_once_and_the_others_five_times_in_turn() -> None:
    clocks, order = clocks_of({"fast": 1.0, "slow": 20.0, "third": 2.0})
    times = throughput.race(clocks, seconds=15.0)
    assert {name: len(found) for name, found in times.items()} == {"fast": 5, "slow": 1, "third": 5}
    assert order[:5] == ["fast", "slow", "third", "fast", "third"]


def test_everybody_takes_part_once() -> None:
    assert sorted(throughput._turns()) == sorted([*KEPT, *PLAIN])


def test_a_peers_pass_counts_as_one_draw(field: Field) -> None:
    times = {
        "ours, float32": [Timing(4.0, 6.0)],
        "MONAI, default": [Timing(30.0, 31.0), Timing(10.0, 11.0), Timing(20.0, 21.0)],
        "MONAI, tuned": [Timing(error="monai is not installed")],
    }
    rows = throughput.rows_of(Net(SHIPPED, Path("x"), 16), field, times)
    found = {row.metric.split(" | ", 1)[1]: row for row in rows}
    ratio = found[f"ours, float32 against MONAI, default | {SHIPPED}"]
    assert ratio.value == pytest.approx(20.0 / (4.0 / 2))
    assert ratio.holds is True
    assert found["MONAI, default | 2 draws (s)"].value == pytest.approx(40.0)
    assert found["ours, float32 | 2 draws (s)"].value == pytest.approx(4.0)
    assert found["ours, float32 | processor time of a draw (s)"].value == pytest.approx(3.0)
    assert not any("tuned" in name for name in found)


def test_goals_are_those_of_the_shipped_network(field: Field) -> None:
    times = {"ours, float32": [Timing(4.0, 6.0)], "MONAI, default": [Timing(1.0, 1.0)]}
    rows: list[Row] = throughput.rows_of(Net("another", Path("x"), 16), field, times)
    assert all(row.goal is None for row in rows)
