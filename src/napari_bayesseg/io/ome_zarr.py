"""Reading OME-Zarr 0.4 and 0.5 images and plain zarr arrays (zarr 2 and 3) from local folders."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_bayesseg.core.errors import FormatError, GeometryError
from napari_bayesseg.core.geometry import convert_length, normalise_unit
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.io.stored import (
    Notes,
    StoredArray,
    check_declared_size,
    choose_axes,
    naming_file,
)
from napari_bayesseg.io.zarr_chunks import (
    ChunkArray,
    check_codecs,
    read_metadata,
    warn_of_missing_chunks,
)

__all__ = ["ZarrReader", "open_zarr"]


class ZarrReader:
    """Reads zarr folders: an OME-Zarr image, an array, or a group that holds one 3D array."""

    name = "OME-Zarr"
    suffixes = (".zarr", ".ome.zarr")

    def claims(self, path: Path) -> bool:
        """Whether the folder holds zarr metadata."""
        return path.is_dir() and any(
            (path / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup")
        )

    def read(self, path: Path, axes: str | None) -> Volume:
        """Open a volume; see :func:`napari_bayesseg.io.readers.read_volume`."""
        return choose_axes(open_zarr(path), axes)


def open_zarr(path: Path) -> StoredArray:
    """Open a zarr folder with all its axes, at the highest resolution.

    Raises
    ------
    FormatError
        If its metadata are damaged, it holds no image or several, uses an unknown codec, or
        points outside its folder.
    GeometryError
        If its scale is zero or no number.
    """
    metadata = read_metadata(path) or {}
    notes = Notes(path)
    attributes = _attributes(path, metadata)
    image = _multiscale(path, attributes)
    if image is None:
        folder = path if _is_array(metadata) else _only_array(path)
        data = _open_array(path, folder, notes)
        letters = _plain_letters(path, folder, len(data.shape))
        return StoredArray(path, data, letters, notes=tuple(notes.lines))
    with naming_file(path):
        return _opened_image(path, image, notes)


def _is_array(metadata: dict[str, Any]) -> bool:
    """Whether metadata describe an array rather than a group."""
    return metadata.get("node_type") == "array" or "shape" in metadata


def _attributes(path: Path, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return a node's attributes: in ``zarr.json`` (v3) or ``.zattrs`` (v2)."""
    if metadata.get("zarr_format") == 3:
        found = metadata.get("attributes") or {}
        return found if isinstance(found, dict) else {}
    file = path / ".zattrs"
    if not file.is_file():
        return {}
    return _read_object(path, file)


def _read_object(path: Path, file: Path) -> dict[str, Any]:
    """Return the JSON object in a file."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise FormatError(
            f"{path.name}: {file.name} must hold JSON; it can't be parsed ({error}): "
            "export it again"
        ) from error
    return content if isinstance(content, dict) else {}


def _multiscale(path: Path, attributes: dict[str, Any]) -> dict[str, Any] | None:
    """Return the first image's entry of the OME metadata, None where there are none."""
    ome = attributes.get("ome")
    source = ome if isinstance(ome, dict) else attributes
    if "plate" in source or "bioformats2raw.layout" in source:
        raise FormatError(
            f"{path.name}: must be one image; it is a collection of images: name one of the "
            f"folders in it, for example {path.name}/0"
        )
    entries = source.get("multiscales")
    if entries is None:
        return None
    if not isinstance(entries, list) or not entries or not isinstance(entries[0], dict):
        raise FormatError(
            f"{path.name}: multiscales must be a list of images; it is damaged: export it again"
        )
    return entries[0]


def _opened_image(path: Path, image: dict[str, Any], notes: Notes) -> StoredArray:
    """Open the finest level of an OME image."""
    datasets = image.get("datasets")
    axes = image.get("axes")
    listed = isinstance(datasets, list) and all(isinstance(item, dict) for item in datasets)
    if not listed or not datasets or not isinstance(axes, list):
        raise FormatError(
            f"{path.name}: an OME-Zarr image must list axes and datasets; expected version 0.4 or "
            "0.5: export it again"
        )
    levels = []
    for dataset in datasets:
        folder = _inside(path, str(dataset.get("path", "")))
        described = read_metadata(folder)
        if described is None or not _is_array(described):
            raise FormatError(
                f"{path.name}: the level {dataset.get('path')!r} must be a zarr array and is "
                "missing: copy or export the folder again"
            )
        levels.append((math.prod(_shape(path, described)), folder, dataset))
    _, folder, dataset = max(levels, key=lambda level: level[0])
    if dataset is not datasets[0]:
        notes.warn(f"level {dataset['path']} is finer than the first one; it is read")
    data = _open_array(path, folder, notes)
    letters = _axis_letters(path, axes, len(data.shape))
    scale, translation = _transformation(dataset, image, len(letters))
    matrix, unit = _placement(letters, axes, scale, translation, notes)
    return StoredArray(path, data, letters, matrix, unit, tuple(notes.lines))


def _inside(path: Path, relative: str) -> Path:
    """Return a level's folder, which must lie in the image's."""
    folder = path / relative
    if not folder.resolve().is_relative_to(path.resolve()):
        raise FormatError(
            f"{path.name}: a level must lie in the image's own folder; {relative!r} points outside "
            "of it: export the image again"
        )
    return folder


def _shape(path: Path, metadata: dict[str, Any]) -> list[int]:
    """Return an array's declared shape."""
    shape = metadata.get("shape")
    if not isinstance(shape, list) or not all(isinstance(length, int) for length in shape):
        raise FormatError(f"{path.name}: an array's shape must be whole numbers: export it again")
    return shape


def _open_array(path: Path, folder: Path, notes: Notes) -> ChunkArray:
    """Open one array read-only, after its metadata have been looked at."""
    metadata = read_metadata(folder) or {}
    check_codecs(path, metadata)
    try:
        array = zarr.open_array(store=str(folder), mode="r")
    except (ValueError, TypeError, LookupError, AttributeError, NotImplementedError) as error:
        cause = " ".join(str(error).split())
        raise FormatError(
            f"{path.name}: the array's metadata can't be read ({cause}): export it again"
        ) from error
    check_declared_size(path, array.shape, np.dtype(array.dtype))
    data = ChunkArray(path.name, folder, array)
    warn_of_missing_chunks(array, notes)
    return data


def _only_array(path: Path) -> Path:
    """Return the one array of a group."""
    found = []
    for folder in sorted(item for item in path.iterdir() if item.is_dir()):
        metadata = read_metadata(folder)
        if metadata is not None and _is_array(metadata) and len(_shape(path, metadata)) >= 2:
            found.append(folder)
    if len(found) != 1:
        names = ", ".join(folder.name for folder in found[:10]) or "none"
        raise FormatError(
            f"{path.name}: a group must hold one array to be a scan; it holds {names}: name one, "
            f"as in {path.name}/{found[0].name if found else 'ARRAY'}"
        )
    return found[0]


def _plain_letters(path: Path, folder: Path, number: int) -> str:
    """Return letters of an array without OME metadata, from its dimension names if it has some."""
    names = (read_metadata(folder) or {}).get("dimension_names")
    if isinstance(names, list) and len(names) == number:
        letters = "".join(str(name or "?")[0].upper() for name in names)
        if len(set(letters)) == number and {"Y", "X"} <= set(letters):
            return letters
    if number > 5 or number < 2:
        raise FormatError(
            f"{path.name}: a scan has 2 to 5 stored axes; this array has {number}: export it again"
        )
    return "TCZYX"[-number:]


def _axis_letters(path: Path, axes: list[Any], number: int) -> str:
    """Return a letter for each axis of an OME image."""
    names = [axis.get("name") if isinstance(axis, dict) else axis for axis in axes]
    letters = "".join(str(name or "?")[0].upper() for name in names)
    if len(letters) != number or len(set(letters)) != number:
        raise FormatError(
            f"{path.name}: the image must name each of its {number} axes once; it names {names}: "
            "export it again"
        )
    return letters


def _transformation(
    dataset: dict[str, Any], image: dict[str, Any], number: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scale and translation an axis, the level's followed by the image's."""
    scale, translation = np.ones(number), np.zeros(number)
    for owner in (dataset, image):
        for step in owner.get("coordinateTransformations") or []:
            kind = step.get("type") if isinstance(step, dict) else None
            if kind not in ("scale", "translation", "identity"):
                raise GeometryError(
                    f"a coordinate transformation must be a scale or translation; it is {kind!r}"
                )
            if kind == "identity":
                continue
            values = _vector(step.get(kind), number, kind)
            if kind == "scale":
                scale, translation = scale * values, translation * values
            else:
                translation = translation + values
    return scale, translation


def _vector(values: Any, number: int, kind: str) -> NDArray[np.float64]:
    """Return a list of finite numbers, one for each axis."""
    numeric = isinstance(values, list) and all(isinstance(value, (int, float)) for value in values)
    if not numeric or len(values) != number or not np.all(np.isfinite(values)):
        raise GeometryError(
            f"{kind} must be {number} finite numbers, one for each axis; it is {values!r}"
        )
    return np.asarray(values, dtype=np.float64)


def _placement(
    letters: str,
    axes: list[Any],
    scale: NDArray[np.float64],
    translation: NDArray[np.float64],
    notes: Notes,
) -> tuple[NDArray[np.float64], str]:
    """Return our affine and the common unit of the spatial axes."""
    units = {
        letter: normalise_unit(axis.get("unit") if isinstance(axis, dict) else None)
        for letter, axis in zip(letters, axes, strict=True)
        if letter in "ZYX"
    }
    unit = units.get("X", "pixel")
    matrix = np.eye(4)
    for row, letter in enumerate("ZYX"):
        if letter not in letters:
            continue
        factor = 1.0
        if units[letter] != unit:
            known = "pixel" not in (units[letter], unit)
            factor = convert_length(1.0, units[letter], unit) if known else 1.0
            notes.warn(f"mixed units: axis {letter} is in {units[letter]}, taken in {unit}")
        at = letters.index(letter)
        matrix[row, row] = scale[at] * factor
        matrix[row, 3] = translation[at] * factor
    return matrix, unit
