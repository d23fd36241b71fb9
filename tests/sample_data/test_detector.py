from __future__ import annotations

import numpy as np
import pytest
from detector import Detector, Spectrum, detector_gain, measure, transmission


def test_beam_hardening_is_monotone_and_mild() -> None:
    lengths = np.linspace(0, 6, 200, dtype=np.float32)
    apparent = -np.log(transmission(lengths, Spectrum()).astype(float))
    slope = np.diff(apparent) / np.diff(lengths.astype(float))
    assert np.all(slope > 0)
    assert np.all(np.diff(slope) < 1e-3)
    assert slope[0] == pytest.approx(1.0, abs=0.01)
    assert 0.90 < slope[33] < 0.97
    assert slope[-1] < slope[0] - 0.1


def test_one_energy_follows_the_exponential_law() -> None:
    lengths = np.linspace(0, 4, 50, dtype=np.float32)
    single = Spectrum(energy_sigma_kev=0.0)
    np.testing.assert_allclose(transmission(lengths, single), np.exp(-lengths), 1e-5)


@pytest.mark.parametrize("rate", [15.0, 60.0, 4000.0])
def test_counts_have_poisson_mean_and_variance(rng: np.random.Generator, rate: float) -> None:
    detector = Detector(photons=rate, blur_voxels=0.0, dark_counts=0.01)
    empty = np.zeros((100, 40, 25), dtype=np.float32)
    measured = measure(empty, np.ones((40, 25), "f4"), Spectrum(), detector, rng)
    counts = rate * np.exp(-measured.astype(float))
    assert counts.mean() == pytest.approx(rate, rel=4 / np.sqrt(rate * counts.size))
    assert counts.var() == pytest.approx(rate, rel=0.06)


def test_a_starved_pixel_reports_a_few_counts(rng: np.random.Generator) -> None:
    opaque = np.full((5, 8, 4), 60.0, dtype=np.float32)
    detector = Detector()
    measured = measure(opaque, np.ones((8, 4), "f4"), Spectrum(), detector, rng)
    assert measured.max() == pytest.approx(np.log(detector.photons), rel=1e-5)
    assert measured.min() > np.log(detector.photons / 10)


def test_one_seed_gives_noise_that_differs_only_with_the_object() -> None:
    lines = np.ones((9, 30, 12), dtype=np.float32)
    changed = lines.copy()
    changed[4, 10:13, 6] += 2
    gain = np.ones((30, 12), dtype=np.float32)
    first, second = (
        measure(part, gain, Spectrum(), Detector(), np.random.default_rng(5))
        for part in (lines, changed)
    )
    differs = first != second
    assert differs[4, 11, 6]
    assert not np.delete(differs, 4, axis=0).any()
    assert not differs[4, 20:].any()


def test_detector_gain_has_the_stated_spread(rng: np.random.Generator) -> None:
    gain = detector_gain(rng, 200, 50, Detector(gain_error=0.01))
    assert gain.shape == (200, 50)
    assert gain.std() == pytest.approx(0.01, rel=1e-3)
    assert np.corrcoef(gain[:, 0], gain[:, 1])[0, 1] > 0.8
    assert abs(np.corrcoef(gain[:-1].ravel(), gain[1:].ravel())[0, 1]) < 0.1
