from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.inference import draws
from napari_bayesseg.inference.plan import BlockPlan
from tests.inference.made_runs import VALUES, TablePosterior

SHAPE = (8, 8, 8)
BOX = Roi((1, 2, 3), (7, 8, 5))
PLAN = BlockPlan(SHAPE, Roi.whole(SHAPE), (4, 4, 4))
SETTINGS = InferenceSettings.checked()
BLOCKS_IN_BOX = 8


class _Scan:
    """Grey values by place; what is read outside of it is 0."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.padded = np.pad(rng.integers(0, VALUES, SHAPE), 2).astype(np.float32)

    def read(self, roi: Roi) -> np.ndarray:
        return self.padded[roi.grown((0, 0, 0)).relative_to((-2, -2, -2)).slices]


def made(posterior: TablePosterior, indices: tuple[int, ...]) -> Iterator[np.ndarray]:
    return draws.box_draws(posterior, _Scan(), PLAN, indices, BOX, SETTINGS)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kept_bytes", "prepared"), [(2**30, 1), (0, 3)])
def test_what_draws_share_is_computed_once_where_it_fits(
    monkeypatch: pytest.MonkeyPatch, kept_bytes: int, prepared: int
) -> None:
    monkeypatch.setattr(draws, "_KEPT_BYTES", kept_bytes)
    cores: list[Roi] = []
    posterior = TablePosterior(before_block=cores.append)
    found = list(made(posterior, (2, 0, 5)))
    assert len(cores) == prepared * BLOCKS_IN_BOX
    values = _Scan().read(BOX).astype(int)
    for index, probabilities in zip((2, 0, 5), found, strict=True):
        table = posterior.draw(index, seed=SETTINGS.seed).table
        np.testing.assert_array_equal(probabilities, np.moveaxis(table[values], -1, 0))


def test_a_draw_is_made_when_it_is_asked_for() -> None:
    asked = []
    posterior = TablePosterior(before_draw=lambda _: asked.append(1))
    iterator = made(posterior, (0, 1, 2))
    assert not asked
    next(iterator)
    assert len(asked) == BLOCKS_IN_BOX
