"""The explicit list of commands, in the order of the help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_bayesseg.cli.convert import convert
from napari_bayesseg.cli.demo import demo
from napari_bayesseg.cli.doctor import doctor
from napari_bayesseg.cli.evaluate import evaluate
from napari_bayesseg.cli.export import export
from napari_bayesseg.cli.import_probabilities import import_probabilities
from napari_bayesseg.cli.models import models
from napari_bayesseg.cli.predict import predict
from napari_bayesseg.cli.regions import regions
from napari_bayesseg.cli.train import train
from napari_bayesseg.cli.view import view

__all__ = ["COMMANDS"]

COMMANDS: dict[str, Callable[..., Any]] = {
    "demo": demo,
    "models": models,
    "predict": predict,
    "import-probabilities": import_probabilities,
    "regions": regions,
    "export": export,
    "view": view,
    "train": train,
    "evaluate": evaluate,
    "convert": convert,
    "doctor": doctor,
}
