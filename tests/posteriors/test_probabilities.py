from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import FormatError, SettingsError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.io.probabilities import read_probabilities
from napari_bayesseg.posteriors.probabilities import ProbabilityPosterior

BOX = Roi((0, 1, 2), (2, 4, 6))


def posterior_of(tmp_path: Path, array: np.ndarray) -> ProbabilityPosterior:
    path = tmp_path / "softmax.npy"
    np.save(path, array)
    return ProbabilityPosterior(read_probabilities([path]))


def softmax(rng: np.random.Generator, *shape: int) -> np.ndarray:
    logits = np.exp(rng.standard_normal(shape))
    return (logits / logits.sum(-4, keepdims=True)).astype(np.float32)


def test_draw_t_is_member_t(tmp_path: Path) -> None:
    array = softmax(np.random.default_rng(0), 3, 2, 3, 5, 7)
    posterior = posterior_of(tmp_path, array)
    for t in range(3):
        found = posterior.draw(t, seed=99).probabilities(BOX)
        np.testing.assert_allclose(found, array[(t, slice(None), *BOX.slices)], atol=1e-6)
    with pytest.raises(SettingsError, match="3 members"):
        posterior.draw(3, seed=0)


def test_small_rounding_is_made_good(tmp_path: Path) -> None:
    array = softmax(np.random.default_rng(1), 2, 3, 5, 7) * np.float32(1.0005)
    found = posterior_of(tmp_path, array).draw(0, seed=0).probabilities(BOX)
    np.testing.assert_allclose(found.sum(0), 1.0, atol=1e-6)


@pytest.mark.parametrize("factor", [1.01, 0.5, -1.0])
def test_what_does_not_sum_to_one_is_refused(tmp_path: Path, factor: float) -> None:
    array = softmax(np.random.default_rng(1), 2, 3, 5, 7) * np.float32(factor)
    with pytest.raises(FormatError, match=r"softmax\.npy.*sum to 1"):
        posterior_of(tmp_path, array).draw(0, seed=0).probabilities(BOX)
