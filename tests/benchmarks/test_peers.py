"""The peers' ways through a volume, with a network of which tiling can't change anything."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.peers import chunk_starts, monai_pass, strided_pass, torchio_pass

WINDOW = 16
Pass = Callable[[Tensor, Callable[[Tensor], Tensor], int], Tensor]


def pointwise(windows: Tensor) -> Tensor:
    return torch.cat([torch.sigmoid(windows), torch.sigmoid(-windows)], 1)


@pytest.mark.parametrize(
    ("package", "run"),
    [("monai", monai_pass), ("torchio", torchio_pass), ("torch", strided_pass)],
    ids=["monai", "torchio", "strided"],
)
def test_a_pointwise_network_gives_the_whole_volume(package: str, run: Pass) -> None:
    pytest.importorskip(package)
    image = torch.randn(1, 1, 24, 40, 33)
    found = run(image, pointwise, WINDOW)
    torch.testing.assert_close(found, pointwise(image), atol=1e-5, rtol=1e-5)


def test_a_batch_of_windows_changes_nothing() -> None:
    pytest.importorskip("monai")
    image = torch.randn(1, 1, 24, 24, 24)
    one, four = (monai_pass(image, pointwise, WINDOW, batch=batch) for batch in (1, 4))
    torch.testing.assert_close(one, four)


@pytest.mark.parametrize(
    ("shape", "chunks"), [((80, 120, 120), 441), ((40, 120, 120), 196), ((16, 32, 32), 1)]
)
def test_chunks_are_as_many_as_the_authors_code_makes(
    shape: tuple[int, int, int], chunks: int
) -> None:
    windows = (16, 32, 32)
    starts = [chunk_starts(n, w) for n, w in zip(shape, windows, strict=True)]
    assert len(list(itertools.product(*starts))) == chunks


def test_trimmed_edges_are_not_used() -> None:
    """A network that spoils the faces of each window: what is left inside must be untouched."""
    image = torch.randn(1, 1, 32, 32, 32)

    def spoils_faces(windows: Tensor) -> Tensor:
        out = windows.clone()
        for axis in (2, 3, 4):
            out.narrow(axis, 0, 1).fill_(100.0)
            out.narrow(axis, windows.shape[axis] - 1, 1).fill_(100.0)
        return out

    found = strided_pass(image, spoils_faces, WINDOW)
    inside = (0, 0, *(slice(1, -1),) * 3)
    np.testing.assert_allclose(found[inside], image[inside], atol=1e-6)
