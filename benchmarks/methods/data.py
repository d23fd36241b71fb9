"""The labelled scans of the study, and who may see which of them.

Training scans train; choosing scans pick checkpoints and settings; test scans are looked at once,
when everything has been decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import hippocampus
from benchmarks.data import REAL_DATA_VARIABLE, Case, real_data_folder
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.training.dataset import TrainingPair

__all__ = ["CARDIAC", "HIPPOCAMPUS", "StudyData", "load_data", "missing_data"]

HIPPOCAMPUS, HIPPOCAMPUS_LONGER, CARDIAC = "hippocampus", "hippocampus-longer", "cardiac"

TITLES: Mapping[str, str] = {
    HIPPOCAMPUS: "hippocampus, short runs",
    HIPPOCAMPUS_LONGER: "hippocampus, runs of five minutes",
    CARDIAC: "hearts",
}
"""What tables call a study."""

_OF_HIPPOCAMPI = (HIPPOCAMPUS, HIPPOCAMPUS_LONGER)
_CARDIAC_FOLDER = "cardiac_mri"
# By patient, so that no heart is in two parts; three from each of three groups of patients.
_CARDIAC_TRAINING = ("001", "002", "021", "022", "041")
_CARDIAC_CHOOSING = ("042",)
_CARDIAC_TEST = ("003", "023", "043")


@dataclass(frozen=True)
class StudyData:
    """Scans with labels, in three parts.

    Attributes
    ----------
    name : str
    training, choosing, testing : tuple of TrainingPair
    class_names : tuple of str
        In the order of the label values.
    """

    name: str
    training: tuple[TrainingPair, ...]
    choosing: tuple[TrainingPair, ...]
    testing: tuple[TrainingPair, ...]
    class_names: tuple[str, ...]


def missing_data(name: str) -> str | None:
    """Return why a data set is not here; None where it is."""
    if name in _OF_HIPPOCAMPI:
        return hippocampus.missing()
    folder = real_data_folder()
    if folder is None:
        return f"{REAL_DATA_VARIABLE} is not set: no hearts to read"
    there = (folder / _CARDIAC_FOLDER).is_dir()
    return None if there else f"no {_CARDIAC_FOLDER} in ${REAL_DATA_VARIABLE}"


def load_data(name: str) -> StudyData:
    """Open the scans of a data set.

    Raises
    ------
    FileNotFoundError
        If they are not here; see :func:`missing_data`.
    """
    reason = missing_data(name)
    if reason is not None:
        raise FileNotFoundError(reason)
    return _hippocampus(name) if name in _OF_HIPPOCAMPI else _cardiac()


def _hippocampus(name: str) -> StudyData:
    return StudyData(
        name,
        _opened(hippocampus.cases_for_training()),
        _opened(hippocampus.cases_for_choosing()),
        _opened(hippocampus.cases_for_testing()),
        ("background", "anterior", "posterior"),
    )


def _opened(cases: Sequence[Case]) -> tuple[TrainingPair, ...]:
    return tuple(
        TrainingPair(case.name, read_volume(case.image), read_volume(case.labels_path))
        for case in cases
    )


def _cardiac() -> StudyData:
    root = real_data_folder()
    assert root is not None
    files = sorted((root / _CARDIAC_FOLDER).glob("patient*.h5"))
    parts = (_CARDIAC_TRAINING, _CARDIAC_CHOOSING, _CARDIAC_TEST)
    training, choosing, testing = (
        tuple(_heart(file) for file in files if file.name[7:10] in patients) for patients in parts
    )
    names = ("background", "right ventricle", "myocardium", "left ventricle")
    return StudyData(CARDIAC, training, choosing, testing, names)


def _heart(file: Path) -> TrainingPair:
    scan, labels = (read_volume(file, dataset=name) for name in ("image", "label"))
    return TrainingPair(file.stem, scan, labels)
