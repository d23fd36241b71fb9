"""Where models are found: shipped in the package, in the person's model folder, or by path."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from platformdirs import user_data_path

from napari_bayesseg.core.errors import CheckpointError
from napari_bayesseg.networks.checkpoint import CARD_NAME

__all__ = ["find_model", "list_models", "local_models_folder", "shipped_models_folder"]


def shipped_models_folder() -> Path:
    """Return the folder of the models that come with the package."""
    return Path(str(resources.files("napari_bayesseg"))) / "models"


def local_models_folder() -> Path:
    """Return the person's own model folder; it need not exist."""
    return user_data_path("napari-bayesseg", appauthor=False) / "models"


def list_models() -> dict[str, Path]:
    """Return name and folder of every shipped and local model; a local one wins over a shipped."""
    found: dict[str, Path] = {}
    for folder in (shipped_models_folder(), local_models_folder()):
        if folder.is_dir():
            found.update({p.parent.name: p.parent for p in sorted(folder.glob(f"*/{CARD_NAME}"))})
    return found


def find_model(model: str | Path) -> Path:
    """Return the folder of a model given by shipped or local name, or by path.

    Raises
    ------
    CheckpointError
        If there is no such model.
    """
    known = list_models()
    if str(model) in known:
        return known[str(model)]
    folder = Path(model)
    if folder.is_dir():
        return folder
    raise CheckpointError(
        f"model {str(model)!r} is neither a folder nor one of the known models: "
        f"{', '.join(known) or 'none installed'}"
    )
