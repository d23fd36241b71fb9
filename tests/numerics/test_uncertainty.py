"""Measures against closed forms, bounds and the laws between them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.uncertainty import (
    MEASURES,
    get_measure,
    percentile_spread,
    split_excess,
)


def softmax_draws(seed, num_draws, num_classes, num_voxels=40, sharpness=3.0):
    rng = np.random.default_rng(seed)
    logits = sharpness * rng.normal(size=(num_draws, num_classes, num_voxels))
    values = np.exp(logits - logits.max(axis=1, keepdims=True))
    return values / values.sum(axis=1, keepdims=True)


draws = st.builds(
    softmax_draws,
    st.integers(0, 2**32 - 1),
    st.integers(1, 9),
    st.integers(2, 6),
    sharpness=st.sampled_from([0.0, 0.1, 3.0, 100.0]),
)


def test_the_measures_stand_in_the_agreed_order():
    assert list(MEASURES) == [
        "predictive_entropy",
        "expected_entropy",
        "mutual_information",
        "standard_deviation",
        "percentile_spread",
        "variation_ratio",
        "expected_error",
    ]
    assert all(name == record.name for name, record in MEASURES.items())


def test_two_certain_draws_that_contradict_each_other():
    probs = np.array([[1.0, 0.0], [0.0, 1.0]])[:, :, None]
    values = {name: float(record.compute(probs)[0]) for name, record in MEASURES.items()}
    assert values == pytest.approx(
        {
            "predictive_entropy": math.log(2),
            "expected_entropy": 0.0,
            "mutual_information": math.log(2),
            "standard_deviation": 0.5,
            "percentile_spread": 0.6,
            "variation_ratio": 0.5,
            "expected_error": 0.5,
        }
    )


def test_two_draws_by_hand():
    # Means 0.7 and 0.3; class 0 leads in both draws.
    probs = np.array([[0.9, 0.1], [0.5, 0.5]])[:, :, None]
    predictive = -(0.7 * math.log(0.7) + 0.3 * math.log(0.3))
    expected = (-(0.9 * math.log(0.9) + 0.1 * math.log(0.1)) + math.log(2)) / 2
    values = {name: float(record.compute(probs)[0]) for name, record in MEASURES.items()}
    assert values == pytest.approx(
        {
            "predictive_entropy": predictive,
            "expected_entropy": expected,
            "mutual_information": predictive - expected,
            "standard_deviation": 0.2,
            "percentile_spread": 0.24,
            "variation_ratio": 0.0,
            "expected_error": 0.3,
        }
    )


@pytest.mark.parametrize("num_classes", [2, 3, 7])
def test_agreeing_draws_that_guess_are_aleatoric_only(num_classes):
    probs = np.full((4, num_classes, 2, 3), 1 / num_classes)
    values = {name: record.compute(probs) for name, record in MEASURES.items()}
    assert all(value.shape == (2, 3) for value in values.values())
    np.testing.assert_allclose(values["expected_entropy"], math.log(num_classes))
    np.testing.assert_allclose(values["expected_error"], 1 - 1 / num_classes)
    for name in ("mutual_information", "standard_deviation", "percentile_spread"):
        np.testing.assert_allclose(values[name], 0.0, atol=1e-15)


@settings(max_examples=60, deadline=None)
@given(draws)
def test_every_measure_stays_in_its_bounds(probs):
    for record in MEASURES.values():
        lower, upper = record.bounds(probs.shape[1])
        values = record.compute(probs)
        assert np.all(values >= lower - 1e-12), record.name
        assert np.all(values <= upper + 1e-12), record.name


@settings(max_examples=60, deadline=None)
@given(draws)
def test_information_is_the_difference_of_the_entropies_and_at_most_log_draws(probs):
    values = {name: record.compute(probs) for name, record in MEASURES.items()}
    difference = values["predictive_entropy"] - values["expected_entropy"]
    np.testing.assert_allclose(values["mutual_information"], difference, atol=1e-12)
    assert np.all(values["mutual_information"] <= math.log(probs.shape[0]) + 1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_with_two_classes_at_least_one_draw_agrees_with_the_label(seed, num_draws):
    ratio = MEASURES["variation_ratio"].compute(softmax_draws(seed, num_draws, 2))
    assert np.all(ratio <= 1 - 1 / num_draws + 1e-12)


def test_with_three_classes_the_label_may_lead_in_no_draw():
    probs = np.array([[0.51, 0.49, 0.0], [0.0, 0.49, 0.51]])[:, :, None]
    assert MEASURES["variation_ratio"].compute(probs)[0] == 1.0


@pytest.mark.parametrize("record", MEASURES.values(), ids=MEASURES.keys())
def test_one_draw_says_nothing_about_disagreement(record):
    values = record.compute(softmax_draws(3, 1, 4))
    if record.needs_draws == 2:
        np.testing.assert_allclose(values, 0.0, atol=1e-15)
    else:
        assert values.max() > 0.1


def test_spread_takes_other_percentiles():
    values = np.linspace(0.6, 1.0, 11)
    probs = np.stack([values, 1 - values], axis=1)[:, :, None]
    assert percentile_spread(probs, (0, 100))[0] == pytest.approx(0.4)
    assert percentile_spread(probs, (5, 95))[0] == pytest.approx(0.36)


def test_an_unknown_measure_is_refused_with_the_known_ones():
    with pytest.raises(SettingsError, match=r"predictive_entropy.*expected_error; got 'entropy'"):
        get_measure("entropy")
    assert get_measure("expected_error") is MEASURES["expected_error"]


def test_the_suffix_is_split_off():
    assert split_excess("mutual_information_excess") == ("mutual_information", True)
    assert split_excess("mutual_information") == ("mutual_information", False)
