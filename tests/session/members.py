"""Results of softmax arrays: every draw is a member whose numbers the test has made."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np

from napari_bayesseg.core.geometry import Geometry, Index3
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.import_probabilities import import_probabilities
from napari_bayesseg.inference.result import Result

CLASSES = ("pore", "solid", "binder")
GEOMETRY = Geometry.from_spacing((2.0, 0.5, 0.5), unit="micrometer")


def made_members(
    grid: Index3 = (2, 3, 3), *, count: int = 5, side: int = 3, pitch: int = 8
) -> np.ndarray:
    """Softmax ``(T, C, Z, Y, X)``: the members differ in one cube in each cell of a grid."""
    rng = np.random.default_rng(3)
    shape = tuple(n * pitch for n in grid)
    members = np.full((count, 3, *shape), 0.01, np.float32)
    members[:, 0] = 0.98
    for cell in product(*map(range, grid)):
        start = [c * pitch + (pitch - side) // 2 for c in cell]
        cube = tuple(slice(s, s + side) for s in start)
        logits = rng.normal(0, 2.5, (count, 3, side, side, side))
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        members[:, :, *cube] = powers / powers.sum(axis=1, keepdims=True)
    return members


def import_members(folder: Path, members: np.ndarray, geometry: Geometry = GEOMETRY) -> Result:
    """Make a result of the members, which stay in ``members.npy``."""
    np.save(folder / "members.npy", members)
    scan = Volume.from_array(np.zeros(members.shape[2:], np.uint8), geometry, name="made")
    return import_probabilities(
        [folder / "members.npy"], folder / "r.zarr", scan=scan, class_names=CLASSES
    )
