from __future__ import annotations

import numpy as np
import pytest
import tomography
from numpy.typing import NDArray
from scipy import ndimage
from skimage.transform import iradon, radon
from tomography import Geometry

SIZE, ANGLES = 101, 91
DEGREES = np.arange(ANGLES) * 360.0 / ANGLES


def phantom() -> NDArray[np.float32]:
    """Smooth blobs and a sharp-edged block, well inside the circle."""
    axis = np.arange(SIZE) - SIZE // 2
    y, x = np.meshgrid(axis, axis, indexing="ij")
    image = np.exp(-((x - 12) ** 2 + (y + 9) ** 2) / 120)
    image += 0.6 * np.exp(-((x + 20) ** 2 + (y - 14) ** 2) / 40)
    image += (np.abs(x + 4) < 9) & (np.abs(y + 22) < 6)
    return ndimage.gaussian_filter(image * (x**2 + y**2 < 44**2), 1.0).astype(np.float32)


def relative_error(found: NDArray[np.floating], expected: NDArray[np.floating]) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def test_projection_matches_radon() -> None:
    found = tomography.project(phantom()[None], ANGLES)[:, :, 0]
    assert relative_error(found, radon(phantom(), DEGREES, circle=True).T) < 3e-3


def test_projection_of_a_disc_matches_its_chords() -> None:
    axis = np.linspace(-SIZE / 2, SIZE / 2, 8 * SIZE, endpoint=False) + 1 / 16
    fine = axis[:, None] ** 2 + axis[None, :] ** 2 < 40.0**2
    disc = fine.reshape(SIZE, 8, SIZE, 8).mean(axis=(1, 3)).astype(np.float32)
    found = tomography.project(disc[None], ANGLES)[:, :, 0]
    offset = np.arange(SIZE) - SIZE // 2
    chords = 2 * np.sqrt(np.maximum(40.0**2 - offset**2, 0))
    inside = np.abs(offset) < 36
    np.testing.assert_allclose(found[:, inside] - chords[inside], 0, atol=0.5)


def test_every_projection_conserves_mass(rng: np.random.Generator) -> None:
    volume = rng.random((3, 40, 40), dtype=np.float32)
    mass = (volume * tomography.disc_mask(40)).sum(axis=(1, 2), dtype=float)
    sums = tomography.project(volume, 15).sum(axis=1)
    np.testing.assert_allclose(sums, np.broadcast_to(mass, (15, 3)), rtol=1e-5)


def test_projection_and_its_transpose_are_adjoint(rng: np.random.Generator) -> None:
    matrices = tomography.projector(40, 15)
    pixels = rng.random(matrices[0].shape[1])
    rays = rng.random((15, 40))
    forward = sum(float(row @ (m @ pixels)) for row, m in zip(rays, matrices, strict=True))
    backward = sum(m.T @ row for row, m in zip(rays, matrices, strict=True))
    assert forward == pytest.approx(float(backward @ pixels), rel=1e-6)


def test_back_projection_interpolates_linearly(rng: np.random.Generator) -> None:
    rays = rng.random((15, 40))
    found = tomography.back_projector(20, 40, 15) @ rays.ravel()
    axis = np.arange(20) - 9.5
    y, x = np.meshgrid(axis, axis, indexing="ij")
    expected = np.zeros((20, 20))
    for row, angle in zip(rays, 2 * np.pi * np.arange(15) / 15, strict=True):
        expected += np.interp(x * np.cos(angle) - y * np.sin(angle), np.arange(40) - 19.5, row)
    np.testing.assert_allclose(found.reshape(20, 20), expected, rtol=1e-5)


def test_reconstruction_matches_iradon() -> None:
    sinogram = tomography.project(phantom()[None], ANGLES)
    part = slice(20, 81)
    found = tomography.reconstruct(sinogram, 61)[0]
    expected = iradon(sinogram[:, :, 0].T, DEGREES, filter_name="hann", circle=True)
    assert relative_error(found, expected[part, part]) < 3e-4
    assert relative_error(found, phantom()[part, part]) < 0.05


def test_all_slices_at_once_equal_one_by_one(rng: np.random.Generator) -> None:
    volume = rng.random((4, 48, 48), dtype=np.float32)
    together = tomography.reconstruct(tomography.project(volume, 31), 30)
    single = tomography.reconstruct(tomography.project(volume[2:3], 31), 30)
    np.testing.assert_allclose(together[2:3], single, atol=1e-4)


def test_square_lies_inside_the_disc_and_is_centred() -> None:
    for width in (64, 65, 192):
        geometry = Geometry(width=width)
        disc = tomography.disc_mask(geometry.diameter)
        crop = geometry.crop(np.broadcast_to(disc, (1, *disc.shape)))
        assert crop.shape == (1, width, width)
        assert crop.all()
        assert abs(geometry.diameter - width - 2 * geometry.margin) <= 1


def test_a_faulty_column_draws_a_closed_ring() -> None:
    sinogram = np.zeros((101, 90, 1), dtype=np.float32)
    offset = 20
    sinogram[:, 45 + offset] = 0.1
    ring = tomography.reconstruct(sinogram, 60)[0]
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = offset + 0.5
    path = 29.5 + radius * np.array([-np.sin(angles), np.cos(angles)])
    values = ndimage.map_coordinates(ring, path, order=1)
    assert values.min() > 0.5 * values.max() > 0
