"""Which scan belongs to which labels: by file name, on one voxel grid."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_bayesseg.core.errors import BayesSegWarning, FormatError, GeometryError
from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.io.hdf5 import HDF5_SUFFIXES, find_dataset
from napari_bayesseg.io.readers import read_volume, split_dataset
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["TrainingPair", "check_same_grid", "folder_pairs"]

_SUFFIXES = (
    *(".ome.tiff", ".ome.tif", ".nii.gz", ".ome.zarr", ".tiff", ".tif", ".nii", ".zarr"),
    *HDF5_SUFFIXES,
)
# Spacing they may carry, but neither the place of the first voxel nor a direction.
_WITHOUT_PLACE = (".tiff", ".tif", *HDF5_SUFFIXES)
_LARGEST_OFFSET = 0.1  # voxels
_LARGEST_TURN = 1e-3  # of a direction cosine


@dataclass(frozen=True)
class TrainingPair:
    """A scan and its labels, opened but not read.

    Attributes
    ----------
    name : str
        File name without its suffix, or a layer's name.
    scan : Volume
    labels : Volume or None
        None where there are none.
    """

    name: str
    scan: Volume
    labels: Volume | None


def folder_pairs(scans: Path, labels: Path, settings: TrainingSettings) -> list[TrainingPair]:
    """Match scans and labels by file name without suffix, sorted by name, and open them.

    Parameters
    ----------
    scans, labels : Path
        Folders of TIFF, OME-Zarr, NIfTI and HDF5 files, or one such file each. HDF5 files may hold
        both: then the two paths may be the same.
    settings : TrainingSettings
        ``data`` says which datasets of HDF5 files are meant, and how axes are to be read. With the
        method ua-mt a scan without labels is an unlabelled one.

    Raises
    ------
    FormatError
        If a folder is missing or empty, or a file has no partner (it is named) or can't be read.
    """
    if _is_volume(scans) and _is_volume(labels):
        stem = scans.name[: -len(_suffix(scans) or "")]
        scan_files, label_files = {stem: scans}, {stem: labels}
    else:
        scan_files, label_files = _by_stem(scans, "scans"), _by_stem(labels, "labels")
    semi_supervised = settings.method == "ua-mt"
    for stem in sorted(label_files.keys() - scan_files.keys()):
        raise FormatError(f"{stem}: has no partner of that name in {scans}")
    for stem in sorted(scan_files.keys() - label_files.keys()):
        if not semi_supervised:
            raise FormatError(f"{stem}: has no partner of that name in {labels}")
    pairs = []
    for stem, path in scan_files.items():
        other = label_files.get(stem)
        shared = other is not None and path.resolve() == other.resolve()
        truth = _open_labels(stem, other, settings, shared=shared)
        pairs.append(TrainingPair(stem, _open_scan(stem, path, settings, shared=shared), truth))
    _check_labelled(pairs, labels, settings)
    return pairs


def _by_stem(place: Path, what: str) -> dict[str, Path]:
    if not place.exists():
        raise FormatError(f"{place}: {what} must be a folder of volumes; there is no such folder")
    if not place.is_dir():
        raise FormatError(
            f"{place}: {what} must be a folder of volumes, or scans and labels one file each"
        )
    found: dict[str, Path] = {}
    for path in sorted(place.iterdir()):
        suffix = _suffix(path)
        if suffix is None or path.name.startswith("."):
            continue
        stem = path.name[: -len(suffix)]
        if stem in found:
            raise FormatError(f"{place}: both {found[stem].name} and {path.name} are named {stem}")
        found[stem] = path
    if not found:
        raise FormatError(f"{place}: holds no volume of a known format ({', '.join(_SUFFIXES)})")
    return found


def _suffix(path: Path) -> str | None:
    return next((suffix for suffix in _SUFFIXES if path.name.lower().endswith(suffix)), None)


def _is_volume(path: Path) -> bool:
    suffix = _suffix(path)
    return suffix is not None and (path.is_file() or (suffix.endswith("zarr") and path.is_dir()))


def _is_hdf5(path: Path) -> bool:
    return path.name.lower().endswith(HDF5_SUFFIXES)


def _open_scan(stem: str, path: Path, settings: TrainingSettings, *, shared: bool) -> Volume:
    data = settings.data
    if not _is_hdf5(path):
        return read_volume(path, axes=data.axes)
    dataset = find_dataset(path, data.scan_dataset)
    if shared and dataset is None:  # the only one there is may be the labels
        raise FormatError(
            f"{stem}: {path.name} holds no dataset {data.scan_dataset!r} with the scan: name it as "
            "scan_dataset, or take the file away"
        )
    return read_volume(path, axes=data.axes, dataset=dataset)


def _open_labels(
    stem: str, path: Path | None, settings: TrainingSettings, *, shared: bool
) -> Volume | None:
    if path is None:
        return None
    axes = settings.data.axes
    if axes is not None:  # of a scan with channels the labels have none
        axes = "".join(letter for letter in axes if not letter.isdigit())
    if not _is_hdf5(path):
        if shared:
            raise FormatError(
                f"{stem}: {path.name} can't be scan and labels at once: name two folders"
            )
        return read_volume(path, axes=axes)
    name = settings.data.label_dataset
    dataset = find_dataset(path, name)
    if shared and dataset is None:
        if settings.method == "ua-mt":
            return None
        raise FormatError(
            f"{stem}: {path.name} holds no dataset {name!r} with the labels: name theirs as "
            "label_dataset, or take the file away"
        )
    return read_volume(path, axes=axes, dataset=dataset)


def _check_labelled(pairs: list[TrainingPair], labels: Path, settings: TrainingSettings) -> None:
    labelled = sum(pair.labels is not None for pair in pairs)
    if not labelled:
        raise FormatError(f"{labels}: not one scan has labels; label some of them")
    if settings.method == "ua-mt" and labelled == len(pairs):
        warnings.warn(
            "every scan has labels: without unlabelled ones, ua-mt learns from these alone",
            BayesSegWarning,
            stacklevel=3,
        )


def check_same_grid(pair: TrainingPair) -> None:
    """Refuse labels on another voxel grid than their scan's.

    Labels that carry no spacing take the scan's. Place and direction are compared where both files
    have a way to carry them, which TIFF and HDF5 have not.

    Raises
    ------
    GeometryError
        Naming the pair and both sides.
    """
    if pair.labels is None:
        return
    if pair.scan.shape != pair.labels.shape:
        raise GeometryError(
            f"{pair.name}: scan and labels must have one shape; "
            f"got {pair.scan.shape} and {pair.labels.shape} voxels"
        )
    scan, labels = pair.scan.spec.geometry, pair.labels.spec.geometry
    if labels.unit == "pixel" and np.array_equal(labels.matrix, np.eye(4)):
        return  # a file that says nothing contradicts nothing
    if scan.unit != labels.unit or not np.allclose(scan.spacing, labels.spacing, rtol=1e-3):
        raise GeometryError(
            f"{pair.name}: scan and labels must have one spacing; got {scan.spacing} {scan.unit} "
            f"and {labels.spacing} {labels.unit} (z, y, x)"
        )
    if not _is_silent(pair.scan) and not _is_silent(pair.labels):
        _check_place(pair.name, scan, labels)


def _is_silent(volume: Volume) -> bool:
    """Whether a volume's file can't say, and doesn't say, where its voxels are."""
    source, geometry = volume.spec.source, volume.spec.geometry
    if source is None or not split_dataset(source)[0].name.lower().endswith(_WITHOUT_PLACE):
        return False
    return np.array_equal(geometry.matrix, np.diag([*geometry.spacing, 1.0]))


def _check_place(name: str, scan: Geometry, labels: Geometry) -> None:
    spacing = np.asarray(scan.spacing)
    turns = scan.matrix[:3, :3] / spacing - labels.matrix[:3, :3] / np.asarray(labels.spacing)
    if np.abs(turns).max() > _LARGEST_TURN:
        raise GeometryError(
            f"{name}: scan and labels must have one orientation; their axes point to "
            f"{_directions(scan)} and {_directions(labels)} (z, y, x): resample the labels to the "
            "scan's grid"
        )
    apart = np.linalg.inv(scan.matrix)[:3, :3] @ np.subtract(labels.translation, scan.translation)
    if np.abs(apart).max() > _LARGEST_OFFSET:
        rounded = tuple(round(float(value), 2) for value in apart)
        raise GeometryError(
            f"{name}: scan and labels must have one origin; the labels' is {rounded} voxels "
            "(z, y, x) away from the scan's: resample the labels to the scan's grid"
        )


def _directions(geometry: Geometry) -> str:
    unit = geometry.matrix[:3, :3] / np.asarray(geometry.spacing)
    return str(np.round(unit.T, 3).tolist())
