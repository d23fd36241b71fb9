from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_bayesseg.numerics.coarsening import coarsen, level_factors


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("factors", [(2, 2, 2), (1, 2, 2), (2, 1, 1), (1, 1, 1), (2, 2, 4)])
@pytest.mark.parametrize("shape", [(6, 8, 12), (5, 7, 9), (1, 3, 2)])
def test_equals_the_plain_mean_of_what_is_finite(rng, factors, shape):
    values = rng.normal(size=shape).astype(np.float32)
    values[rng.random(shape) < 0.4] = np.nan
    found = coarsen(values, factors)
    for place in np.ndindex(found.shape):
        cell = values[tuple(slice(i * f, (i + 1) * f) for i, f in zip(place, factors, strict=True))]
        finite = cell[np.isfinite(cell)].astype(np.float64)
        expected = finite.mean() if finite.size else np.nan
        np.testing.assert_allclose(found[place], expected, rtol=1e-6)
    assert found.dtype == np.float32
    assert found.shape == tuple(-(-n // f) for n, f in zip(shape, factors, strict=True))


def test_the_mean_is_kept_where_cells_fill_the_volume(rng):
    values = rng.random((8, 6, 4), dtype=np.float32)
    assert coarsen(values, (2, 2, 2)).mean() == pytest.approx(values.mean(), rel=1e-6)


def test_infinity_is_no_number():
    values = np.array([np.inf, 1.0, -np.inf, np.nan], np.float32).reshape(1, 1, 4)
    np.testing.assert_array_equal(coarsen(values, (1, 1, 2)), [[[1.0, np.nan]]])


@pytest.mark.parametrize(
    ("shape", "spacing", "factors"),
    [
        ((128, 128, 128), (1, 1, 1), []),
        ((129, 100, 64), (1, 1, 1), [(2, 2, 1)]),
        ((512, 512, 512), (1, 1, 1), [(2, 2, 2), (4, 4, 4)]),
        ((60, 512, 512), (1, 1, 1), [(1, 2, 2), (1, 4, 4)]),
        ((1, 1000, 400), (1, 1, 1), [(1, 2, 2), (1, 4, 4), (1, 8, 8)]),
        ((300, 300, 300), (4, 1, 1), [(1, 2, 2), (1, 4, 4), (2, 8, 8), (4, 8, 8)]),
        ((400, 400, 400), (1.3, 1, 1), [(2, 2, 2), (4, 4, 4)]),
    ],
)
def test_which_axes_are_halved(shape, spacing, factors):
    assert level_factors(shape, spacing) == factors


def test_levels_end_and_stay_about_isotropic(rng):
    for _ in range(200):
        shape = tuple(int(n) for n in 2 ** rng.uniform(0, 12, 3))
        spacing = 10 ** rng.uniform(-1, 1, 3)
        levels = [(1, 1, 1), *level_factors(shape, spacing)]
        last = -(-np.array(shape) // levels[-1])
        assert last.max() <= 128
        for former, level in itertools.pairwise(levels):
            steps = np.array(level) // former
            assert set(steps) <= {1, 2}
            assert steps.max() == 2
            assert (-(-np.array(shape) // former)).max() > 128
            assert ((-(-np.array(shape) // former))[steps == 2] > 64).all()
