from __future__ import annotations

import numpy as np
import pytest

from napari_bayesseg.training.augmentation import (
    GreyValues,
    augment_grey_values,
    biased,
    blurred,
    change_contrast,
    ghosted,
)
from napari_bayesseg.training.method_settings import AugmentationSettings

SPACING = (1.0, 1.0, 1.0)
UNIFORM = GreyValues(np.linspace(-1.0, 1.0, 199))


@pytest.fixture
def patch(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((6, 20, 16)).astype(np.float32)


def only(**strengths: float) -> AugmentationSettings:
    return AugmentationSettings(
        **{"flip": False, "transpose": False, "gain": 0, "shift": 0, "probability": 1, **strengths}
    )


def test_strengths_of_zero_change_no_bit(patch: np.ndarray) -> None:
    patch[0, 0, 0] = -0.0
    generator = np.random.default_rng(0)
    found = augment_grey_values(patch, only(), UNIFORM, SPACING, generator)
    assert found.tobytes() == patch.tobytes()
    assert generator.bit_generator.state == np.random.default_rng(0).bit_generator.state


ALL = {"ghost": 0.5, "bias_field": 0.4, "gamma": 0.5, "blur": 1.0, "noise": 0.2, "gain": 0.1}


def test_a_probability_of_zero_leaves_gain_and_shift(patch: np.ndarray) -> None:
    never = only(**ALL, shift=0.3, probability=0)
    found = augment_grey_values(patch, never, UNIFORM, SPACING, np.random.default_rng(0))
    gain, shift = np.polyfit(patch.ravel(), found.ravel(), 1)
    np.testing.assert_allclose(found, gain * patch + shift, atol=1e-5)
    assert 0.9 <= gain <= 1.1
    assert -0.3 <= shift <= 0.3


@pytest.mark.parametrize("name", ALL)
def test_one_seed_gives_one_change_and_float32(patch: np.ndarray, name: str) -> None:
    before = patch.copy()
    first, same, other = (
        augment_grey_values(
            patch, only(**{name: ALL[name]}), UNIFORM, SPACING, np.random.default_rng(seed)
        )
        for seed in (1, 1, 2)
    )
    assert first.dtype == np.float32
    assert first.shape == patch.shape
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, patch)
    np.testing.assert_array_equal(patch, before)


@pytest.mark.parametrize("exponent", [0.5, 1.7])
def test_contrast_is_a_power_of_the_grey_range_with_mean_and_deviation_restored(
    exponent: float,
) -> None:
    """Of uniform grey values the moments of a power are known on paper."""
    values = np.linspace(-1, 1, 50).astype(np.float32)
    power = ((values + 1) / 2) ** exponent
    mean = 1 / (exponent + 1)
    deviation = np.sqrt(1 / (2 * exponent + 1) - mean**2)
    expected = (power - mean) / deviation / np.sqrt(3)
    np.testing.assert_allclose(change_contrast(values, UNIFORM, exponent), expected, atol=0.02)


def test_contrast_goes_on_straight_beyond_the_grey_range() -> None:
    values = np.array([-3, -2, -1, 1, 2, 3], np.float32)
    found = change_contrast(values, UNIFORM, 1.5)
    steps = np.diff(found)[[0, 1, 3, 4]]
    np.testing.assert_allclose(steps[0], steps[1], rtol=1e-5)
    np.testing.assert_allclose(steps[2:], 1.5 * steps[0], rtol=1e-5)


def test_a_contrast_of_one_and_a_scan_of_one_value_stay(patch: np.ndarray) -> None:
    np.testing.assert_allclose(change_contrast(patch, UNIFORM, 1.0), patch, atol=1e-5)
    flat = GreyValues.of(np.full((4, 4, 4), 0.5, np.float32))
    np.testing.assert_array_equal(change_contrast(patch, flat, 2.0), patch)


def test_grey_values_are_quantiles_of_the_scan_also_of_a_large_one() -> None:
    large = np.random.default_rng(0).normal(size=(20, 300, 512)).astype(np.float32)
    found = GreyValues.of(large).quantiles
    assert found[[0, 99, 198]] == pytest.approx([-2.576, 0, 2.576], abs=0.03)
    columns = np.zeros((20, 300, 512), np.float32)
    columns[..., 0] = 1  # a column is no sample
    assert GreyValues.of(columns).quantiles.max() == 0


def test_noise_has_the_variance_of_its_strength(patch: np.ndarray) -> None:
    generator = np.random.default_rng(0)
    changes = [
        augment_grey_values(patch, only(noise=0.3), None, SPACING, generator) - patch
        for _ in range(300)
    ]
    deviations = np.array([change.std() for change in changes])
    assert deviations.max() < 0.31
    assert np.mean(deviations**2) == pytest.approx(0.3**2 / 3, rel=0.15)  # uniform up to 0.3
    kurtosis = np.mean([np.mean(c**4) / np.mean(c**2) ** 2 for c in changes])
    assert kurtosis == pytest.approx(3, abs=0.05)


def test_blur_is_a_gaussian_of_one_width_in_the_world(patch: np.ndarray) -> None:
    found = blurred(patch, 1.2, (2.0, 0.5, 1.0))
    expected = patch.astype(np.float64)
    for axis, sigma in enumerate((0.3, 1.2, 0.6)):
        reach = int(4 * sigma + 0.5)
        offsets = np.arange(-reach, reach + 1)
        weights = np.exp(-(offsets**2) / (2 * sigma**2))
        where = np.arange(expected.shape[axis])
        expected = sum(
            weight * np.take(expected, np.clip(where + offset, 0, len(where) - 1), axis)
            for weight, offset in zip(weights / weights.sum(), offsets, strict=True)
        )
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("axis", [1, 2])
def test_ghosts_are_a_modulation_of_the_lines_of_k_space(patch: np.ndarray, axis: int) -> None:
    found = ghosted(patch, axis, 3, 0.4)
    length = patch.shape[axis]
    lines = np.fft.fftfreq(length) * length
    modulation = 1 - 0.4 + 0.4 * np.cos(2 * np.pi * lines * 3 / length)
    shape = [1, 1, 1]
    shape[axis] = length
    expected = np.fft.ifft(np.fft.fft(patch, axis=axis) * modulation.reshape(shape), axis=axis)
    np.testing.assert_allclose(found, expected.real, atol=1e-5)
    assert found.mean() == pytest.approx(patch.mean(), abs=1e-6)


def test_a_bias_field_is_a_smooth_gain_counted_from_the_dark_end(patch: np.ndarray) -> None:
    dark = -4.0
    logarithm = np.log((biased(patch, dark, 0.3, 5) - dark) / (patch - dark))
    z, y, x = (np.linspace(-1, 1, n) for n in patch.shape)
    terms = [
        np.einsum("i,j,k->ijk", z**a, y**b, x**c).ravel()
        for a in range(4)
        for b in range(4 - a)
        for c in range(4 - a - b)
    ]
    _, residual, *_ = np.linalg.lstsq(np.stack(terms, 1), logarithm.ravel(), rcond=None)
    assert residual[0] < 1e-6
    assert 0.05 < np.abs(logarithm).max() < 0.3 * 19
    nothing = np.full_like(patch, dark)
    np.testing.assert_allclose(biased(nothing, dark, 0.3, 5), dark)


def test_a_plane_is_changed_like_a_volume(rng: np.random.Generator) -> None:
    plane = rng.standard_normal((1, 20, 16)).astype(np.float32)
    everything = only(**ALL, shift=0.1)
    found = augment_grey_values(plane, everything, UNIFORM, SPACING, np.random.default_rng(3))
    assert found.shape == plane.shape
    assert np.isfinite(found).all()
