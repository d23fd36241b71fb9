"""Pairs of scans and label volumes, matched by file name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import FormatError, GeometryError
from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.inference.scan import normalise, summarise_scan
from napari_bayesseg.io.crop_manifest import whole_scan_statistics
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.networks.checkpoint import Normalisation

__all__ = ["TrainingCase", "find_pairs", "load_cases", "number_of_classes"]

_SUFFIXES = (".ome.tiff", ".ome.tif", ".nii.gz", ".ome.zarr", ".tiff", ".tif", ".nii", ".zarr")


@dataclass(frozen=True)
class TrainingCase:
    """One scan with its labels, in memory.

    Attributes
    ----------
    name : str
        File name without its suffix.
    image : (Z, Y, X) float32
        Grey values in standard deviations from the scan's mean (see ``inference.scan``).
    labels : (Z, Y, X) uint8 or uint16
    geometry : Geometry
    """

    name: str
    image: NDArray[np.float32]
    labels: NDArray[Any]
    geometry: Geometry


def _by_stem(folder: Path, what: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise FormatError(f"{folder}: {what} must be a folder of volumes; there is no such folder")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        suffix = next((s for s in _SUFFIXES if path.name.lower().endswith(s)), None)
        if suffix is None or path.name.startswith("."):
            continue
        stem = path.name[: -len(suffix)]
        if stem in found:
            raise FormatError(f"{folder}: both {found[stem].name} and {path.name} are named {stem}")
        found[stem] = path
    if not found:
        raise FormatError(f"{folder}: holds no volume of a known format ({', '.join(_SUFFIXES)})")
    return found


def find_pairs(scans: Path, labels: Path) -> list[tuple[str, Path, Path]]:
    """Match scans and labels by file name without suffix, sorted by name.

    Raises
    ------
    FormatError
        If a folder is missing or empty, or a file has no partner (it is named).
    """
    scan_files, label_files = _by_stem(scans, "scans"), _by_stem(labels, "labels")
    for stem in sorted(scan_files.keys() ^ label_files.keys()):
        missing_in = labels if stem in scan_files else scans
        raise FormatError(f"{stem}: has no partner of that name in {missing_in}")
    return [(stem, path, label_files[stem]) for stem, path in scan_files.items()]


def load_cases(
    pairs: Sequence[tuple[str, Path, Path]], normalisation: Normalisation
) -> list[TrainingCase]:
    """Read the pairs of :func:`find_pairs` into memory, normalised as at prediction.

    Crops that a review has left are normalised by the grey values of the scan that they are of.

    Raises
    ------
    FormatError
        If labels are not whole numbers from 0.
    GeometryError
        If a pair has different shapes or spacings. Labels that carry no spacing take the scan's.
    """
    cases = []
    for name, scan_path, label_path in pairs:
        scan, truth = read_volume(scan_path), read_volume(label_path)
        if scan.shape != truth.shape:
            raise GeometryError(
                f"{name}: scan and labels must have one shape; "
                f"got {scan.shape} and {truth.shape} voxels"
            )
        _check_spacing(name, scan.spec.geometry, truth.spec.geometry)
        values = truth.read(Roi.whole(truth.shape))
        percentiles = (normalisation.low_percentile, normalisation.high_percentile)
        statistics = whole_scan_statistics(scan_path, percentiles)
        if statistics is None:
            statistics = summarise_scan(scan, normalisation).statistics
        image = normalise(scan.read(Roi.whole(scan.shape)), statistics)[0]
        cases.append(TrainingCase(name, image, _as_labels(name, values), scan.spec.geometry))
    return cases


def _check_spacing(name: str, scan: Geometry, labels: Geometry) -> None:
    if labels.unit == "pixel" and labels.spacing == (1.0, 1.0, 1.0):
        return  # a file that says nothing contradicts nothing
    if scan.unit != labels.unit or not np.allclose(scan.spacing, labels.spacing, rtol=1e-3):
        raise GeometryError(
            f"{name}: scan and labels must have one spacing; got {scan.spacing} {scan.unit} and "
            f"{labels.spacing} {labels.unit} (z, y, x)"
        )


def _as_labels(name: str, values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype == bool:
        return values.astype(np.uint8)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1023 or not np.array_equal(values, np.round(values)):
        raise FormatError(
            f"{name}: labels must be whole numbers from 0 to 1023; got {low:g} to {high:g}"
        )
    return values.astype(np.uint8 if high < 256 else np.uint16)


def number_of_classes(cases: Sequence[TrainingCase], class_names: tuple[str, ...]) -> int:
    """Return how many classes the labels hold, at least 2.

    Raises
    ------
    FormatError
        If a label has no name.
    """
    found = max(2, *(int(case.labels.max()) + 1 for case in cases))
    if class_names and found > len(class_names):
        raise FormatError(
            f"labels go up to {found - 1}, but class_names names {len(class_names)} classes from 0"
        )
    return max(found, len(class_names))
