"""Shifts of a scan against what they say they do."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.shifts import SHIFTS, bias_field, blur, gamma, ghost, noise, shifted


@pytest.fixture(scope="module")
def scan() -> NDArray[np.float32]:
    z, y, x = np.mgrid[:20, :33, :24]
    return (100.0 + 20.0 * np.sin(z / 4) + 10.0 * np.cos(y / 5) + x).astype(np.float32)


def test_what_is_named_in_the_issue_is_among_the_strengths() -> None:
    assert 2.5 in SHIFTS["gamma"][1]
    assert 1.5 in SHIFTS["blur"][1]
    assert all(len(strengths) == 3 for _, strengths in SHIFTS.values())


@pytest.mark.parametrize("kind", SHIFTS)
def test_a_shift_depends_on_its_arguments_alone_and_grows(
    kind: str, scan: NDArray[np.float32]
) -> None:
    before = scan.copy()
    distances = []
    for strength in SHIFTS[kind][1]:
        first, again = (shifted(scan, kind, strength, seed=3) for _ in range(2))
        np.testing.assert_array_equal(first, again)
        assert first.shape == scan.shape
        assert first.dtype == np.float32
        distances.append(float(np.abs(first - scan).mean()))
    assert distances == sorted(distances)
    assert distances[0] > 0
    np.testing.assert_array_equal(scan, before)


def test_in_domain_is_the_scan_itself(scan: NDArray[np.float32]) -> None:
    np.testing.assert_array_equal(shifted(scan.astype(np.int16), "none", 0.0, 0), scan.astype(int))


def test_strength_zero_changes_nothing(scan: NDArray[np.float32]) -> None:
    for function, neutral in ((gamma, 1), (noise, 0), (bias_field, 0), (blur, 0), (ghost, 0)):
        np.testing.assert_allclose(function(scan, float(neutral), 1), scan, rtol=1e-5)


def test_gamma_keeps_range_and_order(scan: NDArray[np.float32]) -> None:
    found = gamma(scan, 2.0)
    assert (found.min(), found.max()) == (scan.min(), scan.max())
    middle = np.array([[[0.0, 0.5, 1.0]]], np.float32)
    np.testing.assert_allclose(gamma(middle, 2.0), [[[0.0, 0.25, 1.0]]])
    flat = np.full((2, 2, 2), 7.0, np.float32)
    np.testing.assert_array_equal(gamma(flat, 2.0), flat)


def test_noise_has_the_deviation_asked_for_and_another_seed_gives_other_noise() -> None:
    scan = np.random.default_rng(0).normal(50.0, 4.0, (40, 40, 40)).astype(np.float32)
    added = noise(scan, 0.5, seed=1) - scan
    assert added.std() == pytest.approx(2.0, rel=0.02)
    assert np.abs(noise(scan, 0.5, seed=2) - scan - added).max() > 1.0


def test_a_bias_field_reaches_its_strength_and_is_smooth() -> None:
    ones = np.ones((20, 30, 25), np.float32)
    field = np.log(bias_field(ones, 0.6, seed=4).astype(np.float64))
    assert np.abs(field).max() == pytest.approx(0.6, rel=1e-5)
    assert field.mean() == pytest.approx(0.0, abs=1e-5)
    third = np.diff(field, n=3, axis=1)  # a polynomial of the second degree has none
    np.testing.assert_allclose(third, 0.0, atol=1e-5)


def test_a_ghost_copies_a_point_along_the_phase_axis_and_keeps_the_mean() -> None:
    point = np.zeros((3, 32, 3), np.float32)
    point[1, 8, 1] = 1.0
    found = ghost(point, 0.6, seed=0)
    assert found.sum() == pytest.approx(1.0, abs=1e-5)
    changed = np.argwhere(np.abs(found - point) > 0.01)
    assert {(z, x) for z, _, x in changed.tolist()} == {(1, 1)}
    # Every fourth line: the copies lie a quarter of the field of view apart.
    np.testing.assert_allclose(np.abs(found[1, 0, 1]), np.abs(found[1, 16, 1]), atol=0.05)
    assert np.abs(found[1, [0, 16, 24], 1]).max() > 0.05
