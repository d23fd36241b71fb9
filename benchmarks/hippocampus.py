"""Labelled hippocampi: the split, and a network that is trained for them on demand.

The data are 100 crops of T1-weighted MRI with manual labels of the anterior and the posterior part,
Task04 of the Medical Segmentation Decathlon (Simpson et al. 2019, arXiv:1902.09063). By name, the
first 64 train, the next 16 choose checkpoint and settings, the last 20 give the results.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from platformdirs import user_cache_path

from benchmarks.data import REAL_DATA_VARIABLE, Case, real_data_folder
from napari_bayesseg.training.settings import TrainingSettings
from napari_bayesseg.training.train import train

__all__ = [
    "MODELS_VARIABLE",
    "bayesian_model",
    "cases_for_choosing",
    "cases_for_testing",
    "cases_for_training",
    "missing",
]

MODELS_VARIABLE = "NAPARI_BAYESSEG_HIPPOCAMPUS"
"""Environment variable: a folder that holds the model, or is to hold it."""

_FOLDER = "hippocampus_mri"
_NUM_TRAINING, _NUM_TEST = 64, 20
_SETTINGS = Path(__file__).with_name("hippocampus_training.json")
_NAME = "hippocampus-bcnn"


def missing() -> str | None:
    """Return why there are no hippocampi here; None where there are."""
    folder = real_data_folder()
    if folder is None:
        return f"{REAL_DATA_VARIABLE} is not set: no hippocampi to read"
    return None if (folder / _FOLDER).is_dir() else f"no {_FOLDER} in ${REAL_DATA_VARIABLE}"


def _cases() -> list[Case]:
    root = real_data_folder()
    if root is None:
        raise FileNotFoundError(missing())
    scans = sorted((root / _FOLDER / "images").glob("*.nii.gz"))
    return [
        Case(scan.name.removesuffix(".nii.gz"), scan, root / _FOLDER / "labels" / scan.name)
        for scan in scans
    ]


def cases_for_testing() -> list[Case]:
    """Return the cases that nothing was trained on and nothing chosen by."""
    return _cases()[-_NUM_TEST:]


def cases_for_training() -> list[Case]:
    """Return the cases that networks are trained on."""
    return _cases()[:_NUM_TRAINING]


def cases_for_choosing() -> list[Case]:
    """Return the cases by which checkpoints and defaults are chosen."""
    return _cases()[_NUM_TRAINING:-_NUM_TEST]


def bayesian_model() -> Path:
    """Return the folder of the variational network, trained now where there is none."""
    given = os.environ.get(MODELS_VARIABLE)
    cache = user_cache_path("napari-bayesseg", appauthor=False) / "benchmarks"
    out = (Path(given) if given else cache) / _NAME
    if out.is_dir():
        return out
    sys.stderr.write(f"training {_NAME} (12 minutes of one core)\n")
    settings = TrainingSettings.load(_SETTINGS, method="bcnn")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        scans, labels = Path(folder) / "scans", Path(folder) / "labels"
        for part in (scans, labels):
            part.mkdir()
        for case in _cases()[:-_NUM_TEST]:
            shutil.copy(case.image, scans)
            shutil.copy(case.labels_path, labels)
        train(scans, labels, out, settings, title="Hippocampus, for the benchmarks")
    return out
