"""What a click on Train would do: found out off the GUI thread. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.gui.train.place import Place, first_free_place, look_at_place, model_name
from napari_bayesseg.networks.methods import Method
from napari_bayesseg.networks.model_folders import local_models_folder
from napari_bayesseg.session.training import TrainingFolders, TrainingRequest
from napari_bayesseg.session.training_worker import settings_to_train, training_pairs
from napari_bayesseg.training.pairs import TrainingPair
from napari_bayesseg.training.suggest import suggest_settings

__all__ = ["LabelsFound", "Looked", "Wish", "labels_found", "look"]

_FEWEST = 0.0005


@dataclass(frozen=True)
class Wish:
    """What the tab's fields say.

    Attributes
    ----------
    data : tuple of TrainingPair, or TrainingFolders
    method : str
    is_scribbled : bool
    labelled_share : float
        Of the voxels, as far as is known.
    class_names : tuple of str
    chosen : mapping
        Settings that the person has touched.
    name : str
        Of the model; empty where it names itself.
    overwrite : bool
    """

    data: tuple[TrainingPair, ...] | TrainingFolders
    method: Method
    is_scribbled: bool
    labelled_share: float
    class_names: tuple[str, ...]
    chosen: Mapping[str, Any]
    name: str
    overwrite: bool


@dataclass(frozen=True)
class Looked:
    """What was found.

    Attributes
    ----------
    request : TrainingRequest
        With the settings that suit the scans, and the model's place.
    place : Place
    pairs : sequence of TrainingPair
        Opened, not read.
    """

    request: TrainingRequest
    place: Place
    pairs: Sequence[TrainingPair]

    @property
    def shapes(self) -> list[Index3]:
        """Of all scans, in voxels."""
        return [pair.scan.shape for pair in self.pairs]


def look(wish: Wish) -> Looked:
    """Open what is to be trained on, and find settings and a place for the model.

    Raises
    ------
    BayesSegError
        If files can't be opened, or settings contradict each other.
    """
    # How files are opened is a setting, and the other settings follow from what was opened.
    data_settings = {key: wish.chosen[key] for key in ("data",) if key in wish.chosen}
    unfitted = suggest_settings([(64, 64, 64)], [(1.0, 1.0, 1.0)], wish.method, **data_settings)
    request = TrainingRequest(
        wish.data,
        local_models_folder() / "model",
        unfitted,
        is_scribbled=wish.is_scribbled,
        overwrite=wish.overwrite,
    )
    pairs = training_pairs(request)
    labelled = [pair.scan.spec for pair in pairs if pair.labels is not None]
    settings = suggest_settings(
        [spec.shape for spec in labelled],
        [spec.geometry.spacing for spec in labelled],
        wish.method,
        labelled_share=wish.labelled_share,
        class_names=wish.class_names,
        **wish.chosen,
    )
    request = replace(request, settings=settings)
    trained = settings_to_train(request)
    if wish.name:
        place = look_at_place(local_models_folder() / wish.name, trained)
    else:
        place = first_free_place(model_name(labelled[0].name, wish.method), trained)
    return Looked(replace(request, out=place.path), place, pairs)


@dataclass(frozen=True)
class LabelsFound:
    """What labels there are.

    Attributes
    ----------
    text : str
        One line for people.
    problem : str
        Why nothing can be learnt from them; empty where something can.
    num_classes : int
        Classes from 0.
    labelled_share : float
        Of the voxels; above 0 where there is no problem.
    """

    text: str
    problem: str
    num_classes: int
    labelled_share: float


def labels_found(counts: Mapping[int, int], is_scribbled: bool) -> LabelsFound:
    """Say what label values there are, and whether something can be learnt from them.

    Parameters
    ----------
    counts : mapping of int to int
        Voxels by label value, as they are stored.
    is_scribbled : bool
        Whether 0 is no label.
    """
    total = sum(counts.values())
    said = {value: number for value, number in counts.items() if value or not is_scribbled}
    amount = _voxels if is_scribbled else lambda number: _percent(number / total)
    parts = [f"{value} ({amount(number)})" for value, number in said.items()]
    more = f" and {len(parts) - 8} more" if len(parts) > 8 else ""
    text = f"Labels {', '.join(parts[:8])}{more}" if parts else "No label is painted yet"
    if is_scribbled and parts:
        text += "; nothing is learnt from the other voxels"
    problem = ""
    if len(said) < 2:
        if is_scribbled:
            painted = f"only label {next(iter(said))} is" if said else "nothing is"
            problem = f"{painted} painted: paint some of each class, with label 1, 2, \u2026"
        else:
            problem = f"all voxels have label {next(iter(said), 0)}: label two classes at least"
    num_classes = max(said, default=-1) + (0 if is_scribbled else 1)
    return LabelsFound(text, problem, max(num_classes, 0), sum(said.values()) / total)


def _voxels(number: int) -> str:
    return "1 voxel" if number == 1 else f"{number:,} voxels"


def _percent(share: float) -> str:
    if 0 < share < _FEWEST:
        return "under 0.1 %"
    return f"{100 * share:.1f} %"
