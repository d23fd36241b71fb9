"""Names for what must not take the place of something else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

__all__ = ["first_free_path", "numbered_paths"]


def numbered_paths(path: Path, *, suffix: str = "", joint: str = "-") -> Iterator[Path]:
    """Yield a path, then the same with ``-2``, ``-3``, ... behind its name, without end.

    Parameters
    ----------
    path : Path
    suffix : str
        That stays at the end of the name.
    joint : str
        Between name and number.
    """
    yield path
    stem = path.name.removesuffix(suffix)
    for number in count(2):
        yield path.with_name(f"{stem}{joint}{number}{suffix}")


def first_free_path(path: Path, *, suffix: str = "") -> Path:
    """Return the first of :func:`numbered_paths` that nothing lies at."""
    return next(place for place in numbered_paths(path, suffix=suffix) if not place.exists())
