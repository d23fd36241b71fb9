"""Reviewed parts of a scan as pairs of image and labels, ready for ``train``."""

from __future__ import annotations

import shutil
import uuid
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_bayesseg.core.errors import BayesSegWarning, FormatError, SettingsError, StoreError
from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.result import Result
from napari_bayesseg.inference.scan import NormalisedScan
from napari_bayesseg.io.atomic import check_writable, flush_folder, write_bytes_atomically
from napari_bayesseg.io.crop_manifest import (
    CROPS_FILE,
    LABELS_FOLDER,
    SCANS_FOLDER,
    crop_manifest,
)
from napari_bayesseg.io.provenance import making
from napari_bayesseg.io.writers import write_volume, writer_for
from napari_bayesseg.review.files.crop_boxes import CropSettings, crop_boxes, decided_boxes
from napari_bayesseg.review.labels.stored_arrays import labels_sha256
from napari_bayesseg.review.labels.voxels import Labels
from napari_bayesseg.review.review_view import ReviewView

__all__ = ["Crops", "write_crops"]

_REVIEWED = (
    "Labels are the reviewed mask everywhere in a crop: as decided in the places listed, as "
    "predicted elsewhere."
)


@dataclass(frozen=True)
class Crops:
    """What was written.

    Attributes
    ----------
    count, voxels : int
        Crops, and voxels in all of them.
    places : int
        Decided places that lie in them.
    lost : tuple of str
        What the format could not carry.
    """

    count: int
    voxels: int
    places: int
    lost: tuple[str, ...]


def write_crops(
    folder: Path,
    review: ReviewView,
    settings: CropSettings,
    *,
    report: Callable[[float], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Crops | None:
    """Cut decided places out of the scan and write them with their reviewed labels.

    ``FOLDER/scans`` and ``FOLDER/labels`` hold files of equal names, in the scan's format and at
    its place in the world; ``FOLDER/crops.json`` says where they come from, and carries the grey
    values of the whole scan, by which ``train`` normalises them. The folder appears complete or
    not at all. The scan is read piece by piece and never written to.

    Parameters
    ----------
    folder : Path
        New or empty.
    review : ReviewView
    settings : CropSettings
    report : callable, optional
        Receives the share that is done, from 0 to 1.
    should_stop : callable, optional
        Asked between two crops; what was written is then taken away.

    Returns
    -------
    Crops or None
        None where it was stopped.

    Raises
    ------
    SettingsError
        If nothing was decided that could be cut out, or a setting is out of range.
    StoreError
        If the scan is gone or has changed since the result was made.
    FormatError
        If the folder holds something, or can't be written.
    """
    settings.checked()
    _check_folder(folder, review.result)
    places = decided_boxes(review.history, settings.choice)
    if not places:
        raise SettingsError(
            f"there is no place to cut out yet ({settings.choice}): decide about one, or choose "
            "other places"
        )
    result = review.result
    boxes = _processed(result, crop_boxes(places, _extent(result), settings))
    if not boxes:
        raise SettingsError("no decided place lies in the processed part of the scan")
    scan = _open(result)
    temporary = folder.parent / f".napari-bayesseg-{uuid.uuid4().hex[:12]}"
    try:
        for name in (SCANS_FOLDER, LABELS_FOLDER):
            (temporary / name).mkdir(parents=True)
        labels = review.labels()
        names, lost = _names(scan.volume, len(boxes))
        for done, (name, box) in enumerate(zip(names, boxes, strict=True)):
            if should_stop():
                return None
            _write_pair(temporary, name, box, scan.volume, labels)
            report((done + 1) / len(boxes))
        inside = [[place for place in places if box.contains(place)] for box in boxes]
        content = _manifest(review, scan, settings, names, boxes, inside, labels)
        write_bytes_atomically(temporary / CROPS_FILE, content)
        _put_in_place(temporary, folder)
    except OSError as error:
        raise FormatError(
            f"{folder.name}: can't be written ({error.strerror or error}): choose another folder, "
            "or make room"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    found = {place for several in inside for place in several}
    return Crops(len(boxes), sum(box.size for box in boxes), len(found), lost)


def _check_folder(folder: Path, result: Result) -> None:
    source = result.spec.source
    for other in (result.path, *([] if source is None else [source])):
        if folder.resolve().is_relative_to(other.resolve()):
            raise FormatError(
                f"{folder.name}: lies in {other.name}, which is never written to: choose another "
                "folder"
            )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FormatError(
            f"{folder.name}: crops are written to a new or empty folder, and this one holds "
            "something: name another one"
        )
    if not folder.parent.is_dir():
        raise FormatError(
            f"{folder.name}: the folder {folder.parent.name or folder.parent} does not exist: make "
            "it or choose another one"
        )
    check_writable(folder.parent)


def _open(result: Result) -> NormalisedScan:
    scan = result.checked_scan()
    if scan is None:
        raise StoreError(
            f"{result.path.name}: was made from probabilities, which name no scan: crops need one"
        )
    return scan


def _extent(result: Result) -> Roi:
    """Return the part of the scan that was to be predicted."""
    shape, roi = result.spec.shape, result.settings.roi
    return Roi.parse(roi, shape) if roi else Roi.whole(shape)


def _processed(result: Result, boxes: Sequence[Roi]) -> list[Roi]:
    """Leave out crops that reach into blocks that aren't finished: they have no labels there."""
    if result.is_complete:
        return list(boxes)
    processed = result.processed
    return [box for box in boxes if processed[box.slices].all()]


def _names(scan: Volume, count: int) -> tuple[list[str], tuple[str, ...]]:
    """Return file names in the scan's format, or in one that holds its geometry."""
    source = scan.spec.source
    is_nifti = source is not None and source.name.lower().endswith((".nii", ".nii.gz"))
    suffixes = (".nii.gz", ".ome.tif") if is_nifti else (".ome.tif", ".nii.gz")
    losses = [_losses(suffix, scan.spec.geometry) for suffix in suffixes]
    chosen = 1 if losses[0] and not losses[1] else 0
    stem = scan.spec.name.replace("/", "-").replace("\\", "-")
    digits = max(4, len(str(count)))
    names = [f"{stem}-crop-{n:0{digits}}{suffixes[chosen]}" for n in range(1, count + 1)]
    return names, losses[chosen]


def _losses(suffix: str, geometry: Geometry) -> tuple[str, ...]:
    # Any crop but the first one has an origin of its own.
    moved = geometry.cropped(Roi((1, 1, 1), (2, 2, 2)))
    return tuple(writer_for(Path(f"crop{suffix}")).carried(moved)[1])


def _write_pair(folder: Path, name: str, box: Roi, scan: Volume, labels: Labels) -> None:
    geometry = scan.spec.geometry.cropped(box)
    with warnings.catch_warnings():
        # What the format can't carry is said once, not for every file.
        warnings.simplefilter("ignore", BayesSegWarning)
        write_volume(folder / SCANS_FOLDER / name, scan.read(box), geometry)
        write_volume(folder / LABELS_FOLDER / name, labels[box.slices], geometry)


def _manifest(
    review: ReviewView,
    scan: NormalisedScan,
    settings: CropSettings,
    names: Sequence[str],
    boxes: Sequence[Roi],
    inside: Sequence[Sequence[Roi]],
    labels: Labels,
) -> bytes:
    result = review.result
    geometry = scan.volume.spec.geometry
    crops = [
        {
            "name": name,
            "box": str(box),
            "affine": geometry.cropped(box).matrix.tolist(),
            "places": [str(place) for place in places],
            "classes": np.unique(labels[box.slices]).tolist(),
        }
        for name, box, places in zip(names, boxes, inside, strict=True)
    ]
    normalisation = result.record["model"]["normalisation"]
    content: dict[str, Any] = {
        "what": _REVIEWED,
        "class_names": list(result.class_names),
        "unit": geometry.unit,
        "choice": settings.choice,
        "margin": settings.margin,
        "least_shape": list(settings.least_shape),
        "run": result.record,
        "mask_sha256": labels_sha256(labels),
        "journal": {"rows": review.sequence, "sha256_of_last_row": review.journal_head},
        "written": making(),
    }
    percentiles = (normalisation["low_percentile"], normalisation["high_percentile"])
    return crop_manifest(crops, scan.statistics, percentiles, content)


def _put_in_place(temporary: Path, folder: Path) -> None:
    for part in (SCANS_FOLDER, LABELS_FOLDER):
        flush_folder(temporary / part)
    flush_folder(temporary)
    if folder.exists():
        folder.rmdir()  # empty: not every system renames onto a folder
    temporary.rename(folder)
    flush_folder(folder.parent)
