import math

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torchmetrics.functional.classification import multiclass_calibration_error

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.calibration import Reliability


def gathered(confidence, right, num_bins=15):
    reliability = Reliability(num_bins)
    reliability.update(np.asarray(confidence, float), np.asarray(right, bool))
    return reliability


@pytest.mark.parametrize("num_bins", [5, 15])
@pytest.mark.parametrize("sharpness", [0.5, 3.0])
def test_the_error_is_that_of_torchmetrics(num_bins, sharpness, rng):
    probabilities = softmax(rng.normal(0, sharpness, (3000, 4)), axis=1)
    truth = rng.integers(0, 4, 3000)
    expected = multiclass_calibration_error(
        torch.tensor(probabilities), torch.tensor(truth), num_classes=4, n_bins=num_bins, norm="l1"
    )
    right = probabilities.argmax(1) == truth
    found = gathered(probabilities.max(1), right, num_bins).compute()
    assert found.expected_calibration_error == pytest.approx(
        float(expected), rel=3e-6
    )  # it sums in float32


def test_a_closed_form():
    """Half say 0.75 and are right in 1 of 2 cases, half say 0.95 and are always right."""
    bins = gathered([0.75, 0.75, 0.95, 0.95], [True, False, True, True], 10).compute()
    assert bins.expected_calibration_error == pytest.approx(0.5 * 0.25 + 0.5 * 0.05)
    assert bins.counts.tolist() == [0, 0, 0, 0, 0, 0, 0, 2, 0, 2]
    assert bins.accuracy[7] == 0.5
    assert bins.confidence[9] == pytest.approx(0.95)
    assert np.isnan(bins.accuracy[:7]).all()


def test_outcomes_drawn_with_the_promised_probability_are_calibrated(rng):
    confidence = rng.random(200_000)
    right = rng.random(200_000) < confidence
    # In a bin of n the gap is about sqrt(p (1 - p) / n) <= 0.0044; its mean is smaller.
    assert gathered(confidence, right).compute().expected_calibration_error < 0.0044
    assert gathered(confidence, ~right).compute().expected_calibration_error > 0.4


def test_a_bin_holds_its_upper_edge_and_the_first_one_its_lower_too():
    bins = gathered([0.0, 0.25, 0.5, 1.0], [True] * 4, 4).compute()
    assert bins.counts.tolist() == [2, 1, 0, 1]
    assert bins.edges.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_pieces_in_any_order_give_the_whole(rng):
    confidence = rng.random((8, 9))
    right = rng.random((8, 9)) < 0.7
    whole = gathered(confidence, right).compute()
    total = Reliability()
    for rows in (slice(5, 8), slice(0, 0), slice(0, 5)):
        total.merge(gathered(confidence[rows], right[rows]))
    found = total.compute()
    np.testing.assert_array_equal(found.counts, whole.counts)
    np.testing.assert_allclose(found.confidence, whole.confidence, rtol=1e-12)
    np.testing.assert_array_equal(found.accuracy, whole.accuracy)


def test_nothing_gives_nan():
    assert math.isnan(Reliability().compute().expected_calibration_error)


def test_refusals():
    with pytest.raises(SettingsError, match="at least 1; got 0"):
        Reliability(0)
    with pytest.raises(SettingsError, match="one shape"):
        gathered([0.5, 0.5], [True])
    with pytest.raises(SettingsError, match=r"from 0 to 1; got 0\.5 to 50"):
        gathered([0.5, 50.0], [True, True])
