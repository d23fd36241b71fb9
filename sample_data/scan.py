"""From a seed to a scan: structure, attenuation, optional defects, tomography, grey values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import defects
import numpy as np
import tomography
from detector import Detector, Spectrum, detector_gain, measure
from microstructure import (
    BINDER,
    PARTICLE,
    Structure,
    StructureParameters,
    make_structure,
)
from numpy.typing import NDArray
from particles import smooth_noise
from tomography import Geometry

__all__ = ["GreyScale", "Materials", "Scan", "ScanParameters", "make_scan", "vary"]

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Materials:
    """Linear attenuation at the mean energy and how much it fluctuates inside a material.

    Parameters
    ----------
    particle_per_um, binder_per_um : float
        Particle: that of lithium iron phosphate near 12.5 keV. Binder: chosen for its contrast.
    particle_spread, between_particles_spread, binder_spread : float
        Relative standard deviations: within a particle, from particle to particle, in binder.
    """

    particle_per_um: float = 0.0133
    binder_per_um: float = 0.0064
    particle_spread: float = 0.015
    between_particles_spread: float = 0.015
    binder_spread: float = 0.06


@dataclass(frozen=True)
class GreyScale:
    """Linear map from attenuation to the stored 12-bit grey levels (in uint16).

    Parameters
    ----------
    pore_level, contrast_levels : float
        Level of attenuation 0, and levels between it and `reference_per_um`.
    reference_per_um : float
        Attenuation that lies `contrast_levels` above the pore level.
    highest_level : int
        Levels beyond 0 and this one are clipped, as a detector's window does.
    """

    pore_level: float = 500.0
    contrast_levels: float = 1000.0
    reference_per_um: float = 0.0133
    highest_level: int = 4095

    def quantise(self, attenuation_per_um: FloatArray) -> NDArray[np.uint16]:
        """Return grey levels (uint16) of an attenuation per micrometre."""
        slope = np.float32(self.contrast_levels / self.reference_per_um)
        levels = np.rint(np.float32(self.pore_level) + slope * attenuation_per_um)
        quantised: NDArray[np.uint16] = np.clip(levels, 0, self.highest_level).astype(np.uint16)
        return quantised


@dataclass(frozen=True)
class ScanParameters:
    """All that a scan depends on besides its seed.

    Parameters
    ----------
    voxel_size_um : float
        Edge of the cubic voxels.
    """

    voxel_size_um: float = 0.5
    geometry: Geometry = field(default_factory=Geometry)
    structure: StructureParameters = field(default_factory=StructureParameters)
    materials: Materials = field(default_factory=Materials)
    spectrum: Spectrum = field(default_factory=Spectrum)
    detector: Detector = field(default_factory=Detector)
    grey_scale: GreyScale = field(default_factory=GreyScale)
    defects: defects.DefectParameters | None = None


@dataclass(frozen=True)
class Scan:
    """One simulated scan.

    Parameters
    ----------
    image : (Z, Y, X) uint16
        Grey levels.
    labels : (Z, Y, X) uint8
        0 pore, 1 particle, 2 binder.
    unseen : (C, Z, Y, X) uint8 or None
        Masks of the defects in the order of `defects.CHANNELS`; None for an ordinary scan.
    voxel_size_um : float
        Edge of the cubic voxels.
    """

    image: NDArray[np.uint16]
    labels: NDArray[np.uint8]
    unseen: NDArray[np.uint8] | None
    voxel_size_um: float


def vary(rng: np.random.Generator, parameters: ScanParameters) -> ScanParameters:
    """Return `parameters` with the variation from one scan to the next."""
    sizes = parameters.structure.sizes
    structure = replace(
        parameters.structure,
        particle_fraction=parameters.structure.particle_fraction + rng.uniform(-0.03, 0.03),
        sizes=replace(
            sizes, median_radius_voxels=sizes.median_radius_voxels * rng.uniform(0.85, 1.18)
        ),
        binder_fraction=parameters.structure.binder_fraction + rng.uniform(-0.015, 0.015),
    )
    detector = replace(
        parameters.detector,
        photons=parameters.detector.photons * rng.uniform(0.8, 1.25),
        gain_error=parameters.detector.gain_error * rng.uniform(0.6, 1.4),
    )
    grey_scale = replace(
        parameters.grey_scale,
        pore_level=parameters.grey_scale.pore_level + rng.uniform(-25, 25),
        contrast_levels=parameters.grey_scale.contrast_levels * rng.uniform(0.95, 1.05),
    )
    return replace(parameters, structure=structure, detector=detector, grey_scale=grey_scale)


def attenuation_map(
    rng: np.random.Generator, structure: Structure, materials: Materials
) -> FloatArray:
    """Return the attenuation per micrometre (Z, Y, X) float32 of a structure."""
    shape = structure.labels.shape
    count = structure.particles.radii_voxels.size
    # The last entry serves the voxels without an owner, whose number is -1.
    tone = 1 + materials.between_particles_spread * rng.standard_normal(count + 1)
    grain = materials.particle_spread * smooth_noise(rng, shape, 1.5)
    particle = materials.particle_per_um * (tone.astype(np.float32)[structure.owner] + grain)
    binder = materials.binder_per_um * (1 + materials.binder_spread * smooth_noise(rng, shape, 2.5))
    attenuation = np.where(structure.labels == PARTICLE, particle, np.float32(0))
    return np.where(structure.labels == BINDER, binder, attenuation).astype(np.float32)


def make_scan(seed: int, parameters: ScanParameters) -> Scan:
    """Simulate the scan of one seed; equal seeds and parameters give equal arrays."""
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(6)]
    parameters = vary(streams[0], parameters)
    geometry = parameters.geometry
    structure = make_structure(streams[1], geometry.object_shape, parameters.structure)
    attenuation = attenuation_map(streams[2], structure, parameters.materials)
    gain = detector_gain(streams[3], geometry.diameter, geometry.depth, parameters.detector)
    noise_seed = int(streams[4].integers(2**63))
    if parameters.defects is None:
        image = _image(attenuation, gain, noise_seed, parameters)
        return Scan(image, geometry.crop(structure.labels), None, parameters.voxel_size_um)
    flawed = defects.add_defects(
        streams[5], structure, attenuation, gain, geometry, parameters.defects
    )
    image = _image(flawed.attenuation, flawed.gain, noise_seed, parameters)
    without_metal = _image(flawed.attenuation_without_metal, flawed.gain, noise_seed, parameters)
    difference = np.abs(image.astype(np.float32) - without_metal)
    threshold = parameters.defects.zone_share * parameters.grey_scale.contrast_levels
    zone = (difference > threshold) & ~flawed.masks["metal"]
    masks = {**flawed.masks, "metal_zone": zone}
    unseen = np.stack([masks[name] for name in defects.CHANNELS]).astype(np.uint8)
    labels = geometry.crop(flawed.labels)
    return Scan(image, labels, unseen, parameters.voxel_size_um)


def _image(
    attenuation_per_um: FloatArray, gain: FloatArray, noise_seed: int, parameters: ScanParameters
) -> NDArray[np.uint16]:
    voxel_size_um = np.float32(parameters.voxel_size_um)
    lines = tomography.project(attenuation_per_um * voxel_size_um, parameters.geometry.num_angles)
    rng = np.random.default_rng(noise_seed)
    sinogram = measure(lines, gain, parameters.spectrum, parameters.detector, rng)
    volume = tomography.reconstruct(sinogram, parameters.geometry.width)
    return parameters.grey_scale.quantise(volume / voxel_size_um)
