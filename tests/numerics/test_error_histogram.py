import math

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.error_histogram import ErrorHistogram
from napari_bayesseg.numerics.ranked_errors import rank_errors


def gathered(uncertainty, wrong):
    histogram = ErrorHistogram()
    histogram.update(uncertainty, wrong)
    return histogram


def test_values_of_few_bits_are_counted_exactly(rng):
    """Signs, zeros, tiny and huge values: all that fit 12 bits of significand."""
    tiny = 2.0**-149
    some = np.array([0, -0.0, 3 * tiny, tiny * 2**11, 0.25, 1.5, -3, -0.125, 2.0**100, np.inf])
    few = (rng.integers(-4096, 4096, 990) / 4096).astype(np.float32)
    uncertainty = np.concatenate([some.astype(np.float32), few])
    wrong = rng.random(1000) < 0.3
    keep = uncertainty != np.float32(3 * tiny)  # needs more bits
    found = gathered(uncertainty[keep], wrong[keep]).compute()
    exact = rank_errors(uncertainty[keep] + np.float32(0), wrong[keep])
    np.testing.assert_array_equal(found.values, exact.values)
    np.testing.assert_array_equal(found.right, exact.right)
    np.testing.assert_array_equal(found.wrong, exact.wrong)


@pytest.mark.parametrize("scale", [1.0, 1e-6, -20.0])
def test_any_values_are_off_by_no_more_than_was_promised(scale, rng):
    uncertainty = (scale * rng.random(20_000) ** 4).astype(np.float32)
    wrong = rng.random(20_000) < 0.02 + 0.3 * np.abs(uncertainty / scale)
    exact, found = rank_errors(uncertainty, wrong), gathered(uncertainty, wrong).compute()
    assert found.auroc == pytest.approx(exact.auroc, abs=1e-4)
    assert found.auprc == pytest.approx(exact.auprc, abs=1e-3)
    assert found.aurc == pytest.approx(exact.aurc, abs=1e-4)
    np.testing.assert_allclose(found.removed([0.05, 0.5]), exact.removed([0.05, 0.5]), atol=1e-3)
    cut = (uncertainty.view(np.int32) & ~0x7FF).view(np.float32)  # towards 0, to 12 bits
    np.testing.assert_array_equal(found.values, np.unique(cut))
    assert (np.abs(uncertainty - cut) <= np.abs(cut) / 4096).all()


def test_pieces_in_any_order_give_the_whole(rng):
    uncertainty = rng.random((9, 20)).astype(np.float32)
    wrong = rng.random((9, 20)) < 0.3
    whole = gathered(uncertainty, wrong)
    total = ErrorHistogram()
    for rows in (slice(5, 9), slice(0, 0), slice(0, 2), slice(2, 5)):
        total.merge(gathered(uncertainty[rows], wrong[rows]))
    for name in ("values", "right", "wrong"):
        np.testing.assert_array_equal(
            getattr(total.compute(), name), getattr(whole.compute(), name)
        )
    assert total.mean == pytest.approx(uncertainty.mean(dtype=float), rel=1e-9)


def test_nan_voxels_are_left_out():
    histogram = gathered(np.array([0.5, np.nan, -np.nan]), np.array([True, True, False]))
    assert histogram.compute().num_voxels == 1
    assert histogram.mean == 0.5


def test_nothing_gives_nan():
    assert math.isnan(ErrorHistogram().mean)
    assert math.isnan(ErrorHistogram().compute().auroc)


def test_refusals():
    with pytest.raises(SettingsError, match="one shape"):
        gathered(np.zeros(3), np.zeros(4, bool))
