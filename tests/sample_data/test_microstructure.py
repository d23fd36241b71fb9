from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from microstructure import (
    BINDER,
    PARTICLE,
    PORE,
    Structure,
    StructureParameters,
    make_structure,
)
from scipy import ndimage

SHAPE = (48, 100, 100)


def structure(seed: int = 11, parameters: StructureParameters | None = None) -> Structure:
    return make_structure(np.random.default_rng(seed), SHAPE, parameters or StructureParameters())


def test_fractions_are_those_asked_for() -> None:
    parameters = StructureParameters()
    labels = structure().labels
    assert labels.dtype == np.uint8
    assert labels.shape == SHAPE
    pore, particle, binder = np.bincount(labels.ravel(), minlength=3) / labels.size
    assert set(np.unique(labels)) == {PORE, PARTICLE, BINDER}
    assert particle == pytest.approx(parameters.particle_fraction, abs=0.02)
    assert binder == pytest.approx(parameters.binder_fraction, abs=0.03)
    assert 0.3 < pore < 0.5


def test_one_seed_gives_one_structure() -> None:
    np.testing.assert_array_equal(structure(4).labels, structure(4).labels)
    assert np.any(structure(4).labels != structure(5).labels)


def test_binder_is_chunky_and_lies_on_particles() -> None:
    made = structure()
    binder = made.labels == BINDER
    thick = ndimage.binary_dilation(
        ndimage.distance_transform_edt(binder) >= 2.5, ndimage.generate_binary_structure(3, 1), 3
    )
    assert (thick & binder).sum() > 0.6 * binder.sum()
    pieces, count = ndimage.label(binder)
    assert np.bincount(pieces.ravel())[1:].min() >= StructureParameters().smallest_bridge_voxels
    touched = ndimage.binary_dilation(made.labels == PARTICLE, iterations=2)
    assert all(touched[pieces == number].any() for number in range(1, count + 1))


def test_cracks_open_particles_and_nothing_else() -> None:
    whole = structure(parameters=replace(StructureParameters(), cracked_share=0.0))
    cracked = structure(parameters=replace(StructureParameters(), cracked_share=1.0))
    changed = whole.labels != cracked.labels
    assert 0.005 < changed.mean() < 0.1
    assert np.all(whole.labels[changed] == PARTICLE)
    assert np.all(cracked.labels[changed] == PORE)
    widest = 2 * ndimage.distance_transform_edt(changed).max()
    assert 2.0 <= widest < 8.0


def test_surfaces_are_rough() -> None:
    """A rough particle has more surface than a smooth one of the same volume."""

    def surface(parameters: StructureParameters) -> int:
        solid = structure(parameters=parameters).labels == PARTICLE
        return sum(int(np.count_nonzero(np.diff(solid, axis=axis))) for axis in range(3))

    plain = replace(StructureParameters(), cracked_share=0.0)
    assert surface(plain) > 1.02 * surface(replace(plain, roughness_voxels=0.0))
