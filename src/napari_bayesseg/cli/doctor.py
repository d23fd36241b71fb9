"""``napari-bayesseg doctor``."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import torch

from napari_bayesseg import __version__
from napari_bayesseg.cli import options
from napari_bayesseg.cli.output import say, write_json
from napari_bayesseg.cli.viewer import has_display, qt_binding
from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.inference.serial_runner import available_threads
from napari_bayesseg.networks.checkpoint import load_card
from napari_bayesseg.networks.model_folders import list_models, local_models_folder

__all__ = ["doctor"]

_LIBRARIES = ("torch", "numpy", "numba", "zarr", "tifffile", "scikit-image", "napari", "npe2")
_OPTIONAL = {
    "nibabel": ("medical", "NIfTI files can't be read or written"),
    "lightning_fabric": ("train", "models can't be trained"),
}


def doctor(*, json: options.JsonOutput = False) -> None:
    """Say what is installed, what is missing, and the line that mends it."""
    entry = {
        "napari-bayesseg": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "threads": available_threads(),
        "devices": _devices(),
        "display": has_display(),
        "qt": qt_binding(),
        "models": _models(),
        "local_models_folder": str(local_models_folder()),
        "remedies": _remedies(),
    }
    if json:
        write_json(entry)
        return
    say(f"napari-bayesseg {__version__}, Python {entry['python']}, {entry['platform']}")
    say("libraries: " + ", ".join(f"{k} {v or 'missing'}" for k, v in _versions().items()))
    say(f"devices:   {', '.join(_devices())}; {available_threads()} processor threads")
    say(f"viewer:    Qt {qt_binding() or 'missing'}, display {'yes' if has_display() else 'no'}")
    for name, state in _models().items():
        say(f"model:     {name}: {state}")
    say(f"           your own models: {local_models_folder()}")
    for remedy in _remedies():
        say(f"missing:   {remedy}")
    if not _remedies():
        say("nothing is missing")


def _versions() -> dict[str, str | None]:
    return {name: _version(name) for name in _LIBRARIES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _devices() -> list[str]:
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ["cpu", *(f"cuda:{index} {name}" for index, name in enumerate(gpus))]


def _models() -> dict[str, str]:
    states = {}
    for name, path in list_models().items():
        try:
            states[name] = f"good ({load_card(path).method})"
        except BayesSegError as error:
            states[name] = str(error)
    return states


def _remedies() -> list[str]:
    found = [
        f'{what}: pip install "napari-bayesseg[{extra}]"'
        for module, (extra, what) in _OPTIONAL.items()
        if find_spec(module) is None
    ]
    if qt_binding() is None:
        found.append('no Qt, so no viewer: pip install "napari-bayesseg[gui]"')
    if sys.platform.startswith("linux") and not has_display():
        found.append("no display: set DISPLAY, or go without with --no-viewer")
    if find_spec("torchvision") is not None:
        found.append("torchvision breaks training libraries here: pip uninstall torchvision")
    if torch.version.cuda is not None and not torch.cuda.is_available():
        found.append(
            f"torch is built for CUDA {torch.version.cuda} but sees no GPU: check the driver with "
            "nvidia-smi"
        )
    return found
