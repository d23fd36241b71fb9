from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_bayesseg.training.method_settings import AugmentationSettings
from napari_bayesseg.training.spatial_augmentation import cut_changed, draw_matrix

CUBE = (1.0, 1.0, 1.0)


def always(**strengths: float) -> AugmentationSettings:
    return AugmentationSettings(probability=1, **strengths)


def turn(degrees: float, spacing: tuple[float, float, float] = CUBE) -> np.ndarray:
    """Return the matrix of one rotation in the yx plane."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    rotation = np.array([[1, 0, 0], [0, c, s], [0, -s, c]])
    scale = np.diag(spacing)
    return np.linalg.inv(scale) @ rotation @ scale


@pytest.fixture
def scan(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    image = ndimage.gaussian_filter(rng.standard_normal((9, 24, 26)), 1).astype(np.float32)
    return image, rng.integers(0, 4, image.shape).astype(np.int32)


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_a_quarter_turn_is_rot90(scan: tuple[np.ndarray, np.ndarray], quarter: int) -> None:
    image, labels = scan
    found = cut_changed(image, labels, (2, 5, 6), (4, 12, 12), turn(90 * quarter))
    box = (slice(2, 6), slice(5, 17), slice(6, 18))
    for values, expected in zip(found, (image[box], labels[box]), strict=True):
        np.testing.assert_allclose(values, np.rot90(expected, quarter, (1, 2)), atol=1e-5)
    assert (found[0].dtype, found[1].dtype) == (np.float32, np.int32)


@pytest.mark.parametrize(
    ("depth", "start", "shape"),
    [(9, (2, 5, 6), (4, 12, 10)), (9, (0, 0, 0), (8, 24, 26)), (1, (0, 3, 4), (1, 16, 12))],
    ids=["inside", "beyond the border", "a plane"],
)
def test_any_change_is_linear_in_grey_values_and_nearest_in_labels(
    scan: tuple[np.ndarray, np.ndarray], depth: int, start, shape
) -> None:
    """What leaves the patch is the scan beside it; outside the scan are its border and -1."""
    image, labels = (values[:depth] for values in scan)
    matrix = turn(25) / 1.1
    if depth > 1:
        matrix = matrix @ np.array([[0.96, 0.28, 0], [-0.28, 0.96, 0], [0, 0, 1]])
    found, found_labels = cut_changed(image, labels, start, shape, matrix)
    half = (np.array(shape) - 1) / 2
    options = {"offset": np.array(start) + half - matrix @ half, "output_shape": shape}
    expected = ndimage.affine_transform(image, matrix, order=1, mode="nearest", **options)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    options |= {"order": 0, "mode": "grid-constant", "cval": -1}
    np.testing.assert_array_equal(found_labels, ndimage.affine_transform(labels, matrix, **options))
    assert (found_labels == -1).any() == (start == (0, 0, 0))
    alone, nothing = cut_changed(image, None, start, shape, matrix)
    np.testing.assert_array_equal(alone, found)
    assert nothing is None


def test_ignored_voxels_stay_ignored() -> None:
    image, labels = np.zeros((1, 9, 9), np.float32), np.full((1, 9, 9), -1, np.int32)
    labels[0, 4, 4] = 1023
    _, found = cut_changed(image, labels, (0, 0, 0), (1, 9, 9), turn(90))
    assert np.array_equal(found, labels)


@pytest.mark.parametrize("spacing", [(1.0, 2.0, 1.0), (5.0, 1.0, 3.0)])
def test_a_round_object_stays_round_whatever_the_spacing(spacing) -> None:
    grid = np.indices((1, 61, 61)) - np.array([0, 30, 30]).reshape(3, 1, 1, 1)
    _, y, x = grid * np.array(spacing).reshape(3, 1, 1, 1)
    disc = (np.hypot(y, x) < 20).astype(np.int32)
    generator = np.random.default_rng(0)
    for _ in range(5):
        matrix = draw_matrix(always(rotate=180), spacing, (1, 61, 61), generator)
        _, found = cut_changed(disc.astype(np.float32), disc, (0, 0, 0), (1, 61, 61), matrix)
        assert np.mean((found != disc)[found >= 0]) < 0.02


def test_nothing_is_drawn_where_nothing_is_on() -> None:
    generator = np.random.default_rng(0)
    assert draw_matrix(always(), CUBE, (8, 8, 8), generator) is None
    never = AugmentationSettings(rotate=90, tilt=90, zoom=0.5, probability=0)
    assert draw_matrix(never, CUBE, (8, 8, 8), generator) is None


@pytest.mark.parametrize(
    ("spacing", "shape", "tilts"),
    [
        (CUBE, (8, 8, 8), True),
        ((3.0, 1.0, 1.0), (8, 24, 24), True),
        ((3.1, 1.0, 1.0), (8, 8, 8), False),
        (CUBE, (8, 32, 32), False),
        (CUBE, (1, 2, 2), False),
    ],
)
def test_planes_far_apart_are_not_tilted(spacing, shape, tilts: bool) -> None:
    matrix = draw_matrix(always(tilt=30), spacing, shape, np.random.default_rng(1))
    assert (matrix is not None) is tilts
    if matrix is not None:
        assert np.linalg.det(matrix) == pytest.approx(1)
        assert matrix[0, 1] != 0
        assert matrix[0, 2] != 0


def test_angles_and_zooms_keep_to_their_bounds() -> None:
    generator = np.random.default_rng(0)
    turned = [draw_matrix(always(rotate=20), CUBE, (4, 8, 8), generator) for _ in range(300)]
    angles = np.degrees([np.arctan2(matrix[1, 2], matrix[1, 1]) for matrix in turned])
    assert -20 <= angles.min() < -18
    assert 18 < angles.max() <= 20
    zoomed = [draw_matrix(always(zoom=0.2), CUBE, (4, 8, 8), generator) for _ in range(300)]
    factors = [1 / matrix[0, 0] for matrix in zoomed]
    assert all(np.allclose(matrix, matrix[0, 0] * np.eye(3)) for matrix in zoomed)
    assert 0.8 <= min(factors) < 0.82
    assert 1.18 < max(factors) <= 1.2


def test_one_seed_gives_one_matrix() -> None:
    settings = always(rotate=20, tilt=10, zoom=0.2)
    first, same, other = (
        draw_matrix(settings, CUBE, (8, 8, 8), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)
