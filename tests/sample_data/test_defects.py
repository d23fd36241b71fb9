from __future__ import annotations

from dataclasses import replace

import defects
import numpy as np
import pytest
import scan
from defects import CHANNELS, DefectParameters, Flawed
from microstructure import BINDER, PARTICLE, PORE, Structure, make_structure
from tomography import Geometry

GEOMETRY = Geometry(depth=48, width=96, num_angles=101)


@pytest.fixture(scope="module")
def before() -> tuple[Structure, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    parameters = scan.ScanParameters()
    structure = make_structure(rng, GEOMETRY.object_shape, parameters.structure)
    attenuation = scan.attenuation_map(rng, structure, parameters.materials)
    gain = np.ones((GEOMETRY.diameter, GEOMETRY.depth), dtype=np.float32)
    for array in (structure.labels, attenuation, gain):
        array.setflags(write=False)
    return structure, attenuation, gain


@pytest.fixture(scope="module")
def flawed(before: tuple[Structure, np.ndarray, np.ndarray]) -> Flawed:
    rng = np.random.default_rng(8)
    return defects.add_defects(rng, *before, GEOMETRY, DefectParameters())


def test_masks_fill_their_channels(flawed: Flawed) -> None:
    assert set(flawed.masks) == set(CHANNELS) - {"metal_zone"}
    for mask in flawed.masks.values():
        assert mask.shape == (48, 96, 96)
        assert mask.dtype == bool
        assert 0.0005 < mask.mean() < 0.15


def test_only_rings_may_overlap_and_fringes_belong_to_the_delamination(flawed: Flawed) -> None:
    bodies = ("inclusion", "delamination", "metal")
    assert np.sum([flawed.masks[name] for name in bodies], axis=0).max() == 1
    assert np.all(flawed.masks["delamination"][flawed.masks["delamination_fringes"]])
    assert np.any(flawed.masks["delamination"] & ~flawed.masks["delamination_fringes"])


def test_truth_inside_the_defects(flawed: Flawed) -> None:
    labels = GEOMETRY.crop(flawed.labels)
    assert np.all(labels[flawed.masks["inclusion"]] != PORE)
    assert np.all(labels[flawed.masks["metal"]] == PARTICLE)
    core = flawed.masks["delamination"] & ~flawed.masks["delamination_fringes"]
    assert np.all(labels[core] == PORE)
    assert labels.max() == BINDER


def test_attenuation_of_the_defects(
    flawed: Flawed, before: tuple[Structure, np.ndarray, np.ndarray]
) -> None:
    parameters, materials = DefectParameters(), scan.Materials()
    attenuation = GEOMETRY.crop(flawed.attenuation)
    inclusion = attenuation[flawed.masks["inclusion"]].mean()
    assert materials.binder_per_um < inclusion < materials.particle_per_um
    assert np.all(attenuation[flawed.masks["metal"]] == np.float32(parameters.metal_per_um))
    fringes = flawed.masks["delamination_fringes"]
    earlier = GEOMETRY.crop(before[1])
    assert np.all(attenuation[fringes] > earlier[fringes])
    core = flawed.masks["delamination"] & ~fringes
    assert np.median(attenuation[core]) < 0


def test_outside_the_masks_only_the_lining_changes(
    flawed: Flawed, before: tuple[Structure, np.ndarray, np.ndarray]
) -> None:
    masks = np.any([flawed.masks[n] for n in ("inclusion", "delamination", "metal")], axis=0)
    earlier, later = GEOMETRY.crop(before[0].labels), GEOMETRY.crop(flawed.labels)
    changed = (earlier != later) & ~masks
    assert np.all(earlier[changed] == PORE)
    assert np.all(later[changed] == BINDER)
    assert changed.mean() < 0.02


def test_without_metal_differs_only_in_the_metal(flawed: Flawed) -> None:
    differs = GEOMETRY.crop(flawed.attenuation != flawed.attenuation_without_metal)
    np.testing.assert_array_equal(differs, flawed.masks["metal"])


def test_rings_come_from_adjacent_columns_of_some_slices(flawed: Flawed) -> None:
    columns, rows = np.nonzero(flawed.gain != 1)
    assert np.ptp(columns) + 1 == np.unique(columns).size == DefectParameters().ring_columns
    assert np.ptp(rows) + 1 == np.unique(rows).size < GEOMETRY.depth // 2
    np.testing.assert_array_equal(
        np.unique(rows), np.flatnonzero(flawed.masks["rings"].any(axis=(1, 2)))
    )
    assert 0.05 < np.abs(flawed.gain[columns, rows] - 1).mean() < 0.25


def test_one_seed_gives_one_result(
    flawed: Flawed, before: tuple[Structure, np.ndarray, np.ndarray]
) -> None:
    again = defects.add_defects(np.random.default_rng(8), *before, GEOMETRY, DefectParameters())
    np.testing.assert_array_equal(again.attenuation, flawed.attenuation)
    other = defects.add_defects(np.random.default_rng(9), *before, GEOMETRY, DefectParameters())
    assert np.any(other.attenuation != flawed.attenuation)


def test_more_grains_make_more_metal(before: tuple[Structure, np.ndarray, np.ndarray]) -> None:
    def volume(grains: int) -> int:
        parameters = replace(DefectParameters(), metal_grains=grains)
        made = defects.add_defects(np.random.default_rng(1), *before, GEOMETRY, parameters)
        return int((made.attenuation == np.float32(parameters.metal_per_um)).sum())

    assert volume(12) > volume(3) > 0
