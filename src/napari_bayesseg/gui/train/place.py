"""Where a model goes, and what is there already. No Qt: it looks at the disk."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open

from napari_bayesseg.io.numbered import numbered_paths
from napari_bayesseg.networks.checkpoint import CARD_NAME, MODEL_NAME_PATTERN
from napari_bayesseg.networks.model_folders import list_models, local_models_folder
from napari_bayesseg.training.progress import Progress
from napari_bayesseg.training.saved_state import state_folder
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["Place", "first_free_place", "look_at_place", "model_name"]

_TRIES = 1000
_IDENTITY, _STATE = "training.json", "state.safetensors"
_NOT_COMPARED = ("device", "save_every_s")


@dataclass(frozen=True)
class Place:
    """What lies at the place of a model.

    Attributes
    ----------
    path : Path
        Folder of the model.
    kind : {"new", "resume", "other", "blocked"}
        Nothing; an unfinished training with these settings; a model, or an unfinished training of
        others, that would be replaced; something that stays.
    message : str
        One line for people; empty for ``"new"``.
    log : tuple of Progress
        The steps that an unfinished training has done.
    """

    path: Path
    kind: Literal["new", "resume", "other", "blocked"]
    message: str = ""
    log: tuple[Progress, ...] = field(default=(), repr=False)

    @property
    def share(self) -> float:
        """How much of an unfinished training is done, from 0 to 1."""
        return self.log[-1].share if self.log else 0.0


def model_name(scan_name: str, method: str) -> str:
    """Return what a model of a scan is called by itself."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", scan_name).strip("._-") or "scan"
    return f"{plain}-{method}"


def first_free_place(name: str, settings: TrainingSettings) -> Place:
    """Return the first of ``name``, ``name-2``, ... that holds nothing that would be replaced."""
    for path in islice(numbered_paths(local_models_folder() / name), _TRIES):
        place = look_at_place(path, settings)
        is_shadow = place.kind == "new" and path.name in list_models()
        if place.kind in ("new", "resume") and not is_shadow:
            break
    return place


def look_at_place(path: Path, settings: TrainingSettings) -> Place:
    """Look at a model's place; the scans are not read.

    Whether an unfinished training is of the very same voxels is found by the training, which
    refuses to go on with others.
    """
    name = path.name
    if re.fullmatch(MODEL_NAME_PATTERN, name) is None:
        message = "a model's name holds letters, digits and . _ - only, a letter or digit first"
        return Place(path, "blocked", message)
    if (path / CARD_NAME).is_file():
        return Place(path, "other", f"there is a model {name} already")
    if path.exists():
        return Place(path, "blocked", f"{path} exists and is no model: choose another name")
    begun = _read_json(state_folder(path) / _IDENTITY)
    if begun is None:
        return Place(path, "new")
    if _compared(begun.get("settings")) != _compared(settings.model_dump(mode="json")):
        message = f"a training of {name} with other settings was begun, and is not finished"
        return Place(path, "other", message)
    log = _read_log(state_folder(path) / _STATE)
    done = f"{log[-1].share:.0%} of it is done" if log else "no step of it is saved"
    return Place(path, "resume", f"a training of {name} was begun: {done}", log)


def _compared(settings: Any) -> Any:
    if not isinstance(settings, Mapping):
        return None
    return {key: value for key, value in settings.items() if key not in _NOT_COMPARED}


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return None  # damaged ones are refused, in words, when the training wants to go on
    return found if isinstance(found, dict) else None


def _read_log(path: Path) -> tuple[Progress, ...]:
    """Return the log in a state's header; its tensors are not read."""
    try:
        with safe_open(path, framework="numpy") as file:
            numbers = json.loads((file.metadata() or {})["numbers"])
        return tuple(Progress(**line) for line in numbers["log"])
    except (SafetensorError, OSError, KeyError, TypeError, json.JSONDecodeError):
        return ()
