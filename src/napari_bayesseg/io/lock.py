"""One writer at a time: a lock that the operating system releases when the process ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_bayesseg.core.errors import StoreError

__all__ = ["LockHeldError", "exclusive_lock"]


class LockHeldError(StoreError):
    """Another process holds the lock."""


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; made if missing, left behind empty.

    Raises
    ------
    LockHeldError
        If another process, or another part of this one, holds it.
    StoreError
        If the file can't be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StoreError(f"{path.parent}: can't be written to ({error.strerror})") from None
    try:
        try:
            _lock(descriptor)
        except OSError:
            raise LockHeldError(
                f"{path.parent}: another process is writing to it; wait for it, or name another"
                " --out"
            ) from None
        yield
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
