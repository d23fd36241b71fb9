"""The names in an HDF5 file, followed link by link so that none leads out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
from h5py import h5d, h5z

from napari_bayesseg.core.errors import FormatError

__all__ = ["check_inside", "has_dataset", "numeric_datasets", "resolve"]

_MOST_LINKS = 32  # soft links on one way
_MOST_OBJECTS = 10_000  # of a file, looked at for a list


def resolve(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    """Return a dataset by its name, ``"group/name"``.

    Raises
    ------
    FormatError
        If there is none (those there are are listed), the name leads out of the file, or its soft
        links run in a circle.
    """
    found = _follow(path, file, name)
    if isinstance(found, h5py.Dataset):
        return found
    there = ", ".join(list(numeric_datasets(path, file))[:12]) or "none"
    what = "is a group" if isinstance(found, h5py.Group) else "is missing"
    raise FormatError(f"{path.name}: the dataset {name!r} {what}; there are: {there}")


def has_dataset(path: Path, file: h5py.File, name: str) -> bool:
    """Whether a name leads to a dataset inside the file."""
    return isinstance(_follow(path, file, name), h5py.Dataset)


def _follow(path: Path, file: h5py.File, name: str) -> object:
    """Return the object of a name; None where there is none."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    place: object = file
    links = 0
    while parts:
        if not isinstance(place, h5py.Group):
            return None
        link = place.get(parts[0], getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise FormatError(
                f"{path.name}: {name!r} is a link to {link.filename!r}, and links to other files "
                "are not followed: name that file, or copy the dataset into this one"
            )
        if isinstance(link, h5py.SoftLink):
            links += 1
            if links > _MOST_LINKS:
                raise FormatError(
                    f"{path.name}: the links of {name!r} run in a circle: name another dataset"
                )
            if link.path.startswith("/"):
                place = file
            parts = [p for p in link.path.split("/") if p not in ("", ".")] + parts[1:]
            continue
        if link is None:
            return None
        place = _object(path, place, parts.pop(0))
    return place


def _object(path: Path, group: h5py.Group, key: str) -> Any:
    """Return what a hard link names."""
    try:
        return group[key]
    except (KeyError, ValueError, RuntimeError, OSError) as error:
        text = " ".join(str(error).split())[:160]
        raise FormatError(
            f"{path.name}: {key!r} is damaged ({text}): copy or export the file again"
        ) from error


def numeric_datasets(path: Path, file: h5py.File) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of the datasets of numbers with two axes or more, in file order.

    Links are not followed: what a soft link names is found under its own name.
    """
    found: dict[str, tuple[int, ...]] = {}
    seen: set[object] = set()
    waiting: list[tuple[str, h5py.Group]] = [("", file)]
    while waiting:
        prefix, group = waiting.pop()
        for key in group:
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                continue
            item = _object(path, group, key)
            if item.id in seen:  # the same object under another name
                continue
            seen.add(item.id)
            if len(seen) > _MOST_OBJECTS:
                raise FormatError(
                    f"{path.name}: holds more than {_MOST_OBJECTS} objects: name the dataset"
                )
            if isinstance(item, h5py.Group):
                waiting.append((f"{prefix}{key}/", item))
            elif isinstance(item, h5py.Dataset) and _is_numeric(item):
                found[f"{prefix}{key}"] = tuple(item.shape)
    return found


def _is_numeric(dataset: h5py.Dataset) -> bool:
    try:
        kind = dataset.dtype.kind
    except TypeError:  # a type that NumPy has not
        return False
    return kind in "biuf" and dataset.shape is not None and len(dataset.shape) >= 2


def check_inside(path: Path, dataset: h5py.Dataset) -> None:
    """Refuse a dataset whose voxels lie in other files, or that needs a codec that is not here.

    Raises
    ------
    FormatError
        Naming the file or the codec.
    """
    properties = dataset.id.get_create_plist()
    if dataset.external is not None and properties.get_external_count():
        raise FormatError(
            f"{path.name}: the voxels of {dataset.name!r} lie in another file "
            f"({properties.get_external(0)[0].decode(errors='replace')!r}), which is not read: "
            "copy the dataset into one file, for example with h5repack"
        )
    if properties.get_layout() == h5d.VIRTUAL:
        _check_virtual(path, dataset, properties)
        return
    for index in range(properties.get_nfilters()):
        code, _, _, label = properties.get_filter(index)
        if not h5z.filter_avail(code):
            raise FormatError(
                f"{path.name}: {dataset.name!r} is packed with {label.decode(errors='replace')!r} "
                f"(filter {code}), which is not installed: repack it with gzip, for example with "
                "h5repack"
            )


def _check_virtual(path: Path, dataset: h5py.Dataset, properties: h5py.h5p.PropDCID) -> None:
    """Refuse a virtual dataset that is not made of plain datasets of its own file."""
    for index in range(properties.get_virtual_count()):
        source = properties.get_virtual_filename(index)
        if source != ".":
            raise FormatError(
                f"{path.name}: {dataset.name!r} is a virtual dataset that shows {source!r}, and "
                "other files are not read through it: name that file, or copy the dataset"
            )
        name = properties.get_virtual_dsetname(index)
        part = _follow(path, dataset.file, name)
        if not isinstance(part, h5py.Dataset) or part.is_virtual:
            raise FormatError(
                f"{path.name}: {dataset.name!r} is a virtual dataset of {name!r}, which must be a "
                "plain dataset of this file and is not: copy the dataset"
            )
        check_inside(path, part)
