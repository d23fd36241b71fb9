"""Machines with narrower vectors have other tiles; this machine can be told that it is one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from napari_bayesseg.numerics.planar.tile import CHANNELS, LANES, STEP, VECTORS

NARROW = """
import sys
import llvmlite.binding
features = llvmlite.binding.get_host_cpu_features()
for name in features:
    if name.startswith(("avx", "fma", "amx", "evex", "gfni", "vaes", "vpclmul")):
        features[name] = name in sys.argv[1:]
llvmlite.binding.get_host_cpu_features = lambda: features
import numpy as np
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.numerics.planar import tile
from napari_bayesseg.posteriors.network import NetworkPosterior
from napari_bayesseg.posteriors.planar import PlanarPosterior
from tests.models import small_network

shape = (8, 20, 36)
scan = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
read = lambda roi: np.ascontiguousarray(scan[roi.slices])
found = []
for kind in (NetworkPosterior, PlanarPosterior):
    posterior = kind(small_network("bcnn", channels=(12, 20)))
    features = posterior.prepare(Roi((2, 4, 6), (8, 20, 33)), shape, read)
    found.append(posterior.draw(0, seed=0).probabilities(features))
print(tile.LANES, tile.CHANNELS, tile.VECTORS, tile.HAS_BFLOAT16, np.abs(found[0] - found[1]).max())
"""


@pytest.mark.parametrize(
    ("features", "tile"), [(["avx", "avx2", "fma"], "8 4 3 False"), ([], "4 8 3 False")]
)
def test_narrower_machines_compute_the_same(features: list[str], tile: str, tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    paths = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    finished = subprocess.run(
        [sys.executable, "-c", NARROW, *features],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    said, difference = finished.stdout.strip().rsplit(" ", 1)
    assert said == tile
    assert float(difference) < 1e-4


def test_a_tile_leaves_room_in_the_registers() -> None:
    registers = {16: 32, 8: 16, 4: 32}[LANES]
    assert STEP == LANES * VECTORS
    assert registers >= CHANNELS * VECTORS + VECTORS + 1
