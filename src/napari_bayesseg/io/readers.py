"""Opening a scan of any known format."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.io.hdf5 import HDF5_SUFFIXES, Hdf5Reader
from napari_bayesseg.io.nifti import NiftiReader
from napari_bayesseg.io.ome_zarr import ZarrReader
from napari_bayesseg.io.protocol import DatasetReader, VolumeReader
from napari_bayesseg.io.tiff import TiffReader

__all__ = ["READERS", "all_readers", "read_volume", "reader_for", "split_dataset"]

READERS: tuple[VolumeReader, ...] = (
    ZarrReader(),
    NiftiReader(),
    TiffReader(),
    Hdf5Reader(),
)
"""The formats that come with the package, asked in this order."""
_GROUP = "napari_bayesseg.readers"


@cache
def all_readers() -> tuple[VolumeReader, ...]:
    """Return :data:`READERS` and after them those of installed packages."""
    found = []
    for entry in entry_points(group=_GROUP):
        loaded = entry.load()
        reader = loaded() if isinstance(loaded, type) else loaded
        if not isinstance(reader, VolumeReader):
            raise FormatError(
                f"the entry point {entry.name} of {_GROUP} must follow VolumeReader; "
                f"{entry.value} does not: update or remove its package"
            )
        found.append(reader)
    return (*READERS, *found)


def read_volume(path: str | Path, axes: str | None = None, dataset: str | None = None) -> Volume:
    """Open a scan lazily: header now, voxels when they are indexed.

    Parameters
    ----------
    path : str or Path
        TIFF (plain, BigTIFF, OME, ImageJ), OME-Zarr or zarr (a folder), NIfTI, HDF5.
    axes : str, optional
        Needed for colour images and for more than three axes: one character for each stored
        axis, in the file's order. Z, Y and X say which axis is which; a digit takes that index
        of its axis. ``"1ZYX"`` is channel 1 of (C, Z, Y, X); ``"XYZ0"`` the first volume of a
        4D NIfTI; ``"ZYX0"`` the red of an RGB stack. Spacing stays with its stored axis.
    dataset : str, optional
        Of an HDF5 file with several datasets: the name of one, ``"group/name"``. The same is said
        by a longer path, ``FILE.h5/group/name``, which is then also the volume's source.

    Returns
    -------
    Volume
        ``(Z, Y, X)``; a 2D image has Z = 1. What had to be coped with is in ``spec.notes`` and,
        where it matters, was told as a :class:`BayesSegWarning`.

    Raises
    ------
    FormatError
        If the file is missing, truncated, damaged, of an unknown kind, or needs `axes`
        or `dataset`.
    GeometryError
        If its header places the voxels nowhere (zero or NaN spacing, singular affine).
    """
    place = Path(path)
    if dataset is None:
        place, dataset = split_dataset(place)
    reader = reader_for(place)
    if dataset is not None and not isinstance(reader, DatasetReader):
        raise FormatError(
            f"{place.name}: dataset={dataset!r} names an array inside an HDF5 file, and this is "
            f"{reader.name}: leave it out"
        )
    try:
        if dataset is not None and isinstance(reader, DatasetReader):
            return reader.read_dataset(place, axes, dataset)
        return reader.read(place, axes)
    except OSError as error:
        raise FormatError(
            f"{place.name}: can't be read ({error.strerror or error}): check that the file is "
            "complete and that you may open it"
        ) from error


def split_dataset(path: Path) -> tuple[Path, str | None]:
    """Return the file of ``FILE.h5/group/name`` and the dataset's name; None for other paths."""
    for parent in path.parents:
        if parent.name.lower().endswith(HDF5_SUFFIXES) and parent.is_file():
            return parent, path.relative_to(parent).as_posix()
    return path, None


def reader_for(path: Path) -> VolumeReader:
    """Return the reader for a file or folder.

    Raises
    ------
    FormatError
        If there is nothing at `path`, it is empty, or no reader knows it.
    """
    known = "TIFF, OME-Zarr, NIfTI or HDF5"
    try:
        if not path.exists():
            raise FormatError(f"{path.name}: does not exist in {path.parent}: check the path")
        if path.is_file() and path.stat().st_size == 0:
            raise FormatError(f"{path.name}: is empty (0 bytes): copy or export the file again")
        for reader in all_readers():
            if reader.claims(path):
                return reader
    except (OSError, ValueError) as error:
        raise FormatError(f"{path.name}: can't be opened ({error}): check the path") from error
    if path.is_dir():
        raise FormatError(
            f"{path.name}: a folder must hold zarr metadata (zarr.json, .zarray or .zgroup) to be "
            "a scan, and this one holds none: name a file, or the zarr folder itself"
        )
    raise FormatError(
        f"{path.name}: a scan must be {known}; the suffix {path.suffix or '(none)'} and the "
        "content are of no known kind: convert it to one of them"
    )
