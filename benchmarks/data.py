"""The scans that the benchmarks read: the shipped sample, and fresh ones made by its script."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from platformdirs import user_cache_path

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.io.sample_data import (
    ELECTRODE_CT,
    ELECTRODE_LABELS,
    ELECTRODE_UNSEEN,
    sample_folder,
)

__all__ = [
    "FOLDER_VARIABLE",
    "MODELS",
    "REAL_DATA_VARIABLE",
    "Case",
    "count_of",
    "real_data_folder",
    "sample",
    "series",
    "workspace",
]

MODELS = ("electrode-bcnn", "electrode-mc-dropout")
"""The shipped models, by name."""
FOLDER_VARIABLE = "NAPARI_BAYESSEG_BENCHMARKS"
"""Environment variable: a folder that holds the simulated series, or is to hold them."""
REAL_DATA_VARIABLE = "NAPARI_BAYESSEG_DATA"
"""Environment variable: the folder with real volumes."""

_SCRIPTS = Path(__file__).resolve().parents[1] / "sample_data"


@dataclass(frozen=True)
class Case:
    """A scan, its true labels and, where it has any, the masks of what no model has seen.

    Attributes
    ----------
    name : str
    image, labels_path : Path
        Files ``(Z, Y, X)``.
    unseen_path : Path or None
        File ``(C, Z, Y, X)``.
    """

    name: str
    image: Path
    labels_path: Path
    unseen_path: Path | None = None

    @property
    def labels(self) -> NDArray[Any]:
        """The truth ``(Z, Y, X)``, read now."""
        volume = read_volume(self.labels_path)
        return volume.read(Roi.whole(volume.shape))

    @property
    def unseen(self) -> dict[str, NDArray[np.bool_]]:
        """The masks ``(Z, Y, X)`` by name, read now; empty for an ordinary scan."""
        if self.unseen_path is None:
            return {}
        with tifffile.TiffFile(self.unseen_path) as file:
            names = _channel_names(file)
            masks = file.asarray().astype(bool)
        return dict(zip(names, masks, strict=True))


def _channel_names(file: tifffile.TiffFile) -> list[str]:
    metadata = tifffile.xml2dict(file.ome_metadata or "")
    return [channel["Name"] for channel in metadata["OME"]["Image"]["Pixels"]["Channel"]]


@cache
def workspace() -> Path:
    """Return a folder for results; it goes when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="bayesseg-benchmarks-")
    _FOLDERS.append(folder)
    return Path(folder.name)


# Kept alive: a temporary folder is removed with its object.
_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []


def sample() -> Case:
    """Return the shipped sample, which holds every kind of defect."""
    folder = sample_folder()
    paths = (folder / name for name in (ELECTRODE_CT, ELECTRODE_LABELS, ELECTRODE_UNSEEN))
    return Case("sample", *paths)


def count_of(quick: bool) -> int:
    """Return how many scans of a series are looked at."""
    return 1 if quick else 3


def series(name: str, count: int) -> list[Case]:
    """Return the first scans of a series, made now if they are not in the folder.

    Parameters
    ----------
    name : str
        ``"test"`` or ``"test-defects"``; see ``sample_data/README.md``.
    count : int
    """
    folder = _series_folder(name)
    cases = [_case(folder, name, number) for number in range(count)]
    if not all(_is_complete(case) for case in cases):
        sys.stderr.write(f"making {count} scans of the series {name} (10 s each)\n")
        script = _SCRIPTS / "make_electrode_ct.py"
        command = [sys.executable, script, "--series", name, "--count", count, "--out", folder]
        subprocess.run([str(part) for part in command], check=True)
    return cases


def _series_folder(name: str) -> Path:
    given = os.environ.get(FOLDER_VARIABLE)
    return (Path(given) if given else _cache_folder()) / f"electrode_{name.replace('-', '_')}"


def _cache_folder() -> Path:
    """Return a folder whose name changes with the scripts, so that stale scans are not used."""
    digest = hashlib.sha256()
    for script in sorted(_SCRIPTS.glob("*.py")):
        digest.update(script.read_bytes())
    root = user_cache_path("napari-bayesseg", appauthor=False)
    return root / "benchmarks" / digest.hexdigest()[:12]


def _case(folder: Path, series_name: str, number: int) -> Case:
    file = f"electrode_{number:02d}.ome.tif"
    unseen = folder / "unseen" / file if series_name == "test-defects" else None
    name = f"{series_name} {number}"
    return Case(name, folder / "scans" / file, folder / "labels" / file, unseen)


def _is_complete(case: Case) -> bool:
    paths = [case.image, case.labels_path, case.unseen_path]
    return all(path.is_file() for path in paths if path is not None)


def real_data_folder() -> Path | None:
    """Return the folder with real volumes, None where the variable is unset."""
    given = os.environ.get(REAL_DATA_VARIABLE)
    return Path(given) if given else None
