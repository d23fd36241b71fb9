"""Replacing a file in one step: the old one or the new one, whatever happens in between.

The new content goes to a temporary file in the same folder, is flushed to the disk and read back;
only then it takes the old one's name. A kill or a full disk at any point leaves the old file as
it was.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_bayesseg.core.errors import FormatError

__all__ = [
    "check_room",
    "check_writable",
    "existing_folder",
    "flush_folder",
    "replace_atomically",
    "write_bytes_atomically",
]

_PREFIX = ".napari-bayesseg-"
_DOUBLE_SUFFIXES = (".ome.tiff", ".ome.tif", ".nii.gz")


@contextmanager
def replace_atomically(
    path: Path, *, verify: Callable[[Path], None] | None = None
) -> Iterator[Path]:
    """Give a temporary file to write to, and put it in `path`'s place afterwards.

    Parameters
    ----------
    path : Path
        The file to be made or replaced. A symbolic link is replaced itself, not its target.
    verify : callable, optional
        Gets the finished temporary file; raises where reading it back doesn't give what was
        written. The old file then stays.

    Yields
    ------
    Path
        A file name in the same folder with the same suffix; the body must create the file.

    Raises
    ------
    FormatError
        If the disk refuses (full, read-only, failing); the old file is intact and no temporary
        one is left.
    """
    temporary = path.parent / f"{_PREFIX}{uuid.uuid4().hex[:12]}{_suffix(path)}"
    try:
        try:
            yield temporary
            flush_to_disk(temporary)
            if verify is not None:
                verify(temporary)
            if path.exists() and not path.is_symlink():
                shutil.copymode(path, temporary)
            temporary.replace(path)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise FormatError(_unwritable(path, error)) from error
    try:
        flush_folder(path.parent)
    except OSError as error:
        raise FormatError(
            f"{path.name}: is written, but the disk did not confirm its folder "
            f"({error.strerror or error}): check the disk, then write it again"
        ) from error


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Make or replace a small file with `content`.

    Raises
    ------
    FormatError
        If the disk refuses; the old file is intact.
    """

    def verify(temporary: Path) -> None:
        if temporary.read_bytes() != content:
            raise FormatError(
                f"{path.name}: reading back gave other bytes than were written; the old file is "
                "unchanged: check the disk"
            )

    with replace_atomically(path, verify=verify) as temporary:
        temporary.write_bytes(content)


def flush_to_disk(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until a folder's entries are on the disk, where the system can do that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows doesn't open folders
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def check_writable(folder: Path) -> None:
    """Refuse a folder that can't be written to, before anything is computed.

    The folder may be absent; then the nearest existing one above it is tried. A small file is
    really written, because permissions alone don't tell of read-only disks.

    Raises
    ------
    FormatError
        If no file can be made there.
    """
    place = existing_folder(folder)
    if not place.is_dir():
        raise FormatError(f"{folder.name}: {place.name} must be a folder and is a file: rename one")
    trial = place / f"{_PREFIX}{uuid.uuid4().hex[:12]}.tmp"
    try:
        trial.write_bytes(b"trial")
        trial.unlink()
    except OSError as error:
        with suppress(OSError):
            trial.unlink(missing_ok=True)
        raise FormatError(
            f"{folder.name or folder}: the folder can't be written to ({error.strerror or error}): "
            "choose another one or change its permissions"
        ) from error


def existing_folder(path: Path) -> Path:
    """Return the path itself if there is something, else the nearest existing one above it."""
    place = path.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place


def check_room(folder: Path, needed: int) -> None:
    """Refuse a disk that has less room than `needed` bytes.

    Raises
    ------
    FormatError
        Naming both sizes.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise FormatError(
            f"{folder.name}: {needed / 2**20:.0f} MiB are needed on this disk, {free / 2**20:.0f} "
            "MiB are free: make room or choose another folder"
        )


def _suffix(path: Path) -> str:
    """Return a file's suffix, a double one whole: formats are chosen by it."""
    for suffix in _DOUBLE_SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[-len(suffix) :]
    return path.suffix


def _unwritable(path: Path, error: OSError) -> str:
    """Return the message for a write that the system refused."""
    remedy = "choose another folder or change its permissions"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = "make room on the disk"
    return (
        f"{path.name}: can't be written ({error.strerror or error}); an older file is unchanged: "
        f"{remedy}"
    )
