"""Writing a volume in the format that its file name asks for."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_bayesseg.core.errors import BayesSegWarning, FormatError
from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.io.atomic import check_writable, replace_atomically
from napari_bayesseg.io.lazy import AxesView
from napari_bayesseg.io.nifti_writer import NiftiWriter
from napari_bayesseg.io.protocol import VolumeContent, VolumeWriter
from napari_bayesseg.io.slabs import digest, hashed, iterate_slabs
from napari_bayesseg.io.stored import volume_name
from napari_bayesseg.io.tiff_writer import ImageJWriter, OmeTiffWriter

__all__ = ["WRITERS", "write_volume", "writer_for"]

WRITERS: tuple[VolumeWriter, ...] = (OmeTiffWriter(), ImageJWriter(), NiftiWriter())
"""The formats that can be written; the first one whose suffix fits is used."""


def writer_for(path: Path) -> VolumeWriter:
    """Return the writer that a file name asks for.

    Raises
    ------
    FormatError
        If the suffix is of no format that can be written.
    """
    for writer in WRITERS:
        if path.name.lower().endswith(writer.suffixes):
            return writer
    known = ", ".join(suffix for writer in WRITERS for suffix in writer.suffixes)
    raise FormatError(
        f"{path.name}: the suffix must be one of {known}; it is {path.suffix or '(none)'}: rename "
        "the output"
    )


def write_volume(
    path: str | Path,
    array: LazyArray,
    geometry: Geometry,
    *,
    name: str | None = None,
    sources: Sequence[str | Path] = (),
) -> tuple[str, ...]:
    """Write labels or a measure; the file appears complete and compared, or not at all.

    Parameters
    ----------
    path : str or Path
        ``.ome.tif``, ``.ome.tiff`` (OME-TIFF), ``.tif``, ``.tiff`` (ImageJ), ``.nii``,
        ``.nii.gz``. An existing file is replaced.
    array : LazyArray
        ``(Z, Y, X)``, or ``(C, Z, Y, X)``; read slab by slab, once (twice where its type has to
        be narrowed). Stored as its own type, or the narrowest one that holds it without loss.
    geometry : Geometry
        Of the voxel grid.
    name : str, optional
        Of the image, where the format has a place for one; the file's name by default.
    sources : sequence of path
        Files that must not be overwritten: the scan and whatever else was read.

    Returns
    -------
    tuple of str
        What the format could not carry, one line each; also told as :class:`BayesSegWarning`.

    Raises
    ------
    FormatError
        If the format can't hold the values, the file is one of the sources, or the disk refuses.
        An older file is then unchanged.
    """
    place = Path(path)
    writer = writer_for(place)
    _check_target(place, sources)
    if len(array.shape) not in (3, 4) or 0 in array.shape:
        raise FormatError(
            f"{place.name}: an array must have the axes (Z, Y, X) or (C, Z, Y, X), none empty, to "
            f"be written; its shape is {tuple(array.shape)}"
        )
    if len(array.shape) == 4 and not writer.channels_first:
        array = AxesView(array, (1, 0, 2, 3))
    carried, lost = writer.carried(geometry)
    for line in lost:
        warnings.warn(f"{place.name}: {line}", BayesSegWarning, stacklevel=2)
    shape = tuple(int(length) for length in array.shape)
    dtype = writer.target_dtype(place, array)
    content = VolumeContent(shape, dtype, carried, name or volume_name(place))
    state = hashlib.blake2b(digest_size=16)

    def verify(temporary: Path) -> None:
        _compare(place, temporary, writer, content, state.hexdigest())

    with replace_atomically(place, verify=verify) as temporary:
        writer.write(temporary, hashed(iterate_slabs(array, dtype), state), content)
    return lost


def _check_target(path: Path, sources: Sequence[str | Path]) -> None:
    """Refuse a target that is a folder or a source, or lies where nothing can be written."""
    if path.is_dir():
        raise FormatError(f"{path.name}: must be a file and is a folder: choose another name")
    for source in map(Path, sources):
        same = path.exists() and source.exists() and path.samefile(source)
        if same or path.resolve() == source.resolve():
            raise FormatError(
                f"{path.name}: is the source {source.name} itself, which is never written to: "
                "choose another name"
            )
    if not path.parent.is_dir():
        raise FormatError(
            f"{path.name}: the folder {path.parent.name or path.parent} does not exist: make it "
            "or choose another one"
        )
    check_writable(path.parent)


def _compare(
    path: Path, temporary: Path, writer: VolumeWriter, content: VolumeContent, expected: str
) -> None:
    """Read a written file back and compare shape, type, geometry and values."""
    stored = writer.read_back(temporary)
    found = []
    if _squeezed(stored.data.shape) != _squeezed(content.shape):
        found.append(f"shape {stored.data.shape} instead of {content.shape}")
    if np.dtype(stored.data.dtype) != content.dtype:
        found.append(f"type {stored.data.dtype} instead of {content.dtype}")
    wanted = content.geometry.matrix
    scale = np.append(content.geometry.spacing, 1.0)
    if stored.unit != content.geometry.unit or not np.allclose(
        stored.matrix / scale, wanted / scale, rtol=1e-6, atol=1e-6
    ):
        found.append(f"spacing {stored.matrix.tolist()} {stored.unit} instead of {wanted.tolist()}")
    if not found and digest(stored.data) != expected:
        found.append("other values")
    if found:
        raise FormatError(
            f"{path.name}: reading back gave {'; '.join(found)}; an older file is unchanged: check "
            "the disk, or write another format"
        )


def _squeezed(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape without axes of length one before Y."""
    return (*(length for length in shape[:-2] if length != 1), *shape[-2:])
