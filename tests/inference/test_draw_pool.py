from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.draw_pool import DrawPool, KeyedDraws
from napari_bayesseg.posteriors.network import NetworkPosterior
from tests.models import small_network


@dataclass
class Recorded:
    index: int
    seen: list[tuple[str, int]] = field(default_factory=list)

    def probabilities(self, features: float) -> np.ndarray:
        time.sleep(0.002)
        self.seen.append((threading.current_thread().name, torch.get_num_threads()))
        return np.full((2, 3), self.index + features, np.float32)


@pytest.mark.parametrize("workers", [1, 3])
def test_every_draw_lands_in_its_place(workers: int) -> None:
    draws = [Recorded(t) for t in range(7)]
    out, finished = np.full((7, 2, 3), np.nan, np.float32), []
    with DrawPool(workers) as pool:
        pool.run(draws, 0.5, out, finished.append)
    np.testing.assert_array_equal(out[:, 0, 0], np.arange(7) + 0.5)
    assert finished == list(range(1, 8))


def test_workers_compute_on_one_thread_and_leave_the_callers_threads_alone() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        draws = [Recorded(t) for t in range(8)]
        with DrawPool(2) as pool:
            pool.run(draws, 0.0, np.empty((8, 2, 3), np.float32), lambda _: None)
            assert torch.get_num_threads() == 2
        assert {threads for draw in draws for _, threads in draw.seen} == {1}
        assert all(name.startswith("draw") for draw in draws for name, _ in draw.seen)
    finally:
        torch.set_num_threads(before)


def test_stopping_leaves_the_other_draws_undone_and_nothing_running() -> None:
    draws = [Recorded(t) for t in range(50)]

    def stop(done: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with DrawPool(2) as pool:
        with pytest.raises(KeyboardInterrupt):
            pool.run(draws, 0.0, np.empty((50, 2, 3), np.float32), stop)
        assert sum(bool(draw.seen) for draw in draws) < 50
    assert not [t for t in threading.enumerate() if t.name.startswith("draw")]


def test_the_number_of_workers_changes_no_bit() -> None:
    posterior, shape = NetworkPosterior(small_network()), (8, 16, 24)
    scan = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    features = posterior.prepare(Roi.whole(shape), shape, lambda roi: scan[roi.slices].copy())
    found = []
    for workers in (2, 3):
        out = np.empty((5, 3, 8 * 16 * 24), np.float32)
        with DrawPool(workers) as pool:
            pool.run(KeyedDraws(posterior, 5, seed=1), features, out, lambda _: None)
        found.append(out)
    np.testing.assert_array_equal(*found)


def test_keyed_draws_are_a_sequence() -> None:
    draws = KeyedDraws(NetworkPosterior(small_network()), 4, seed=0)
    assert len(draws) == len(list(draws)) == len(draws[0:9]) == 4
    with pytest.raises(IndexError):
        draws[4]
