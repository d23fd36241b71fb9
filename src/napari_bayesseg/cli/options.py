"""Options that several commands share; help and defaults come from the settings records."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from napari_bayesseg.core.settings import InferenceSettings

__all__ = [
    "BlockShape",
    "Device",
    "JsonOutput",
    "Measures",
    "Memory",
    "NumSamples",
    "Overwrite",
    "RoiText",
    "Seed",
    "setting",
    "split_names",
]


def setting(name: str) -> Parameter:
    """Return a parameter whose help is that of a field of the inference settings."""
    return Parameter(help=InferenceSettings.model_fields[name].description)


def split_names(text: str | None) -> tuple[str, ...]:
    """Split ``"a,b"``; nothing gives an empty tuple."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def default(name: str) -> Any:
    """Return the default of a field of the inference settings."""
    return InferenceSettings.model_fields[name].default


NumSamples = Annotated[int, setting("num_samples")]
Seed = Annotated[int, setting("seed")]
RoiText = Annotated[str | None, setting("roi")]
BlockShape = Annotated[str | None, setting("block_shape")]
Memory = Annotated[str, setting("memory")]
Device = Annotated[str, Parameter(help="Where to compute: auto, cpu or cuda")]
Measures = Annotated[
    str | None, Parameter(help="Uncertainty measures to store, separated by commas; default all")
]
Overwrite = Annotated[bool, Parameter(help="Replace the result of another run", negative=())]
JsonOutput = Annotated[
    bool, Parameter(name="--json", help="Print a JSON object on standard output", negative=())
]
