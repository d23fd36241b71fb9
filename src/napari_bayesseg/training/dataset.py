"""Scans and label volumes for training: matched by file name, checked, and read into memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.scan import normalise, summarise_scan
from napari_bayesseg.io.crop_manifest import whole_scan_statistics
from napari_bayesseg.networks.checkpoint import Normalisation
from napari_bayesseg.numerics.voxel_statistics import IntensityStatistics
from napari_bayesseg.training.pairs import TrainingPair, check_same_grid, folder_pairs
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["TrainingCase", "TrainingPair", "folder_pairs", "load_cases", "number_of_classes"]

_LARGEST_LABEL = 1023


@dataclass(frozen=True)
class TrainingCase:
    """One scan with its labels, in memory.

    Attributes
    ----------
    name : str
        File name without its suffix.
    image : (Z, Y, X) float32
        Grey values in standard deviations from the scan's mean (see ``inference.scan``).
    labels : (Z, Y, X) int32 or None
        Classes from 0; -1 where nobody has labelled. None where nobody has labelled anything.
    geometry : Geometry
    """

    name: str
    image: NDArray[np.float32]
    labels: NDArray[np.int32] | None
    geometry: Geometry


def load_cases(
    pairs: Sequence[TrainingPair], settings: TrainingSettings, normalisation: Normalisation
) -> list[TrainingCase]:
    """Read pairs into memory, normalised as at prediction.

    Crops that a review has left are normalised by the grey values of the scan that they are of.

    Parameters
    ----------
    pairs : sequence of TrainingPair
    settings : TrainingSettings
        ``data.ignore_label`` is the label value that becomes -1; the others keep their numbers.
    normalisation : Normalisation
        The percentiles at which grey values are clipped for mean and standard deviation.

    Raises
    ------
    FormatError
        If labels are not whole numbers from 0 to 1023, or all are to be ignored.
    GeometryError
        If a pair has different shapes or spacings, or lies at different places.
    """
    for pair in pairs:  # all headers before the first voxel
        check_same_grid(pair)
    return [_load(pair, settings.data.ignore_label, normalisation) for pair in pairs]


def _load(
    pair: TrainingPair, ignore_label: int | None, normalisation: Normalisation
) -> TrainingCase:
    scan, labels = pair.scan, None
    if pair.labels is not None:
        values = pair.labels.read(Roi.whole(pair.labels.shape))
        labels = _as_labels(pair.name, values, ignore_label)
    statistics = _statistics(scan, normalisation)
    image = normalise(scan.read(Roi.whole(scan.shape)), statistics)[0]
    return TrainingCase(pair.name, image, labels, scan.spec.geometry)


def _statistics(scan: Volume, normalisation: Normalisation) -> IntensityStatistics:
    if scan.spec.source is not None:
        percentiles = (normalisation.low_percentile, normalisation.high_percentile)
        whole = whole_scan_statistics(scan.spec.source, percentiles)
        if whole is not None:
            return whole
    return summarise_scan(scan, normalisation).statistics


def _as_labels(name: str, values: NDArray[Any], ignore_label: int | None) -> NDArray[np.int32]:
    ignored = np.zeros(values.shape, bool) if ignore_label is None else values == ignore_label
    if ignored.all():
        raise FormatError(
            f"{name}: every voxel has the label {ignore_label}, which ignore_label leaves out: "
            "label some, or take the file away"
        )
    classes = values[~ignored] if ignored.any() else values
    low, high = float(classes.min()), float(classes.max())
    is_whole = values.dtype.kind in "biu" or np.array_equal(classes, np.round(classes))
    if not is_whole or not 0 <= low <= high <= _LARGEST_LABEL:
        raise FormatError(
            f"{name}: labels must be whole numbers from 0 to {_LARGEST_LABEL}; "
            f"got {low:g} to {high:g}"
            + ("" if low < 0 or is_whole else ", some of them fractions or NaN")
        )
    if not ignored.any():
        return values.astype(np.int32)
    return np.where(ignored, 0, values).astype(np.int32) - ignored.astype(np.int32)


def number_of_classes(cases: Sequence[TrainingCase], class_names: tuple[str, ...]) -> int:
    """Return how many classes the labels hold, at least 2; ignored voxels don't count.

    Raises
    ------
    FormatError
        If a label has no name.
    """
    labelled = [case.labels for case in cases if case.labels is not None]
    found = max(2, *(int(labels.max()) + 1 for labels in labelled), 2)
    if class_names and found > len(class_names):
        raise FormatError(
            f"labels go up to {found - 1}, but class_names names {len(class_names)} classes from 0"
        )
    return max(found, len(class_names))
