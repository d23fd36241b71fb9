"""Options that several commands share; help and defaults come from the settings records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter, Token

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.settings import Precision as PrecisionName
from napari_bayesseg.core.settings import StoreDtype as StoreDtypeName
from napari_bayesseg.numerics.uncertainty import MEASURES

__all__ = [
    "BlockShape",
    "Device",
    "Flips",
    "JsonOutput",
    "Measures",
    "Memory",
    "NumSamples",
    "Overwrite",
    "Precision",
    "RoiText",
    "Scheduler",
    "Seed",
    "SkipBelow",
    "SkipOutside",
    "StoreDtype",
    "Workers",
    "block_shape_of",
    "default",
    "flag",
    "setting",
    "split_names",
    "whole_number",
]


def whole_number(kind: Any, tokens: Sequence[Token]) -> int:
    """Read a whole number; cyclopts itself rounds 2.5 to 2 without a word.

    Raises
    ------
    ValueError
        If the text is no whole number.
    """
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"must be a whole number; got {tokens[0].value!r}") from None


def setting(name: str, **changes: Any) -> Parameter:
    """Return a parameter whose help is that of a field of the inference settings."""
    return Parameter(help=InferenceSettings.model_fields[name].description, **changes)


def flag(text: str, name: str | None = None) -> Parameter:
    """Return a parameter that is either given or not; it has no opposite and no value."""
    return Parameter(name=name, help=text, negative=(), show_default=False)


def split_names(text: str | None) -> tuple[str, ...]:
    """Split ``"a,b"``; nothing gives an empty tuple."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def block_shape_of(text: str | None) -> Index3 | None:
    """Read ``"Z,Y,X"``.

    Raises
    ------
    SettingsError
        If the text is not three whole numbers.
    """
    if text is None:
        return None
    try:
        z, y, x = (int(part) for part in text.split(","))
    except ValueError:
        raise SettingsError(
            f"block_shape must be three whole numbers of voxels, Z,Y,X; got {text!r}"
        ) from None
    return z, y, x


def default(name: str) -> Any:
    """Return the default of a field of the inference settings."""
    return InferenceSettings.model_fields[name].default


NumSamples = Annotated[int, setting("num_samples", converter=whole_number)]
Seed = Annotated[int, setting("seed", converter=whole_number)]
RoiText = Annotated[str | None, setting("roi", allow_leading_hyphen=True)]
BlockShape = Annotated[str | None, setting("block_shape", allow_leading_hyphen=True)]
Memory = Annotated[str, setting("memory")]
Device = Annotated[Literal["auto", "cpu", "cuda"], Parameter(help="Where to compute")]
Measures = Annotated[
    str | None,
    Parameter(
        help=f"Uncertainty measures to store, separated by commas: {', '.join(MEASURES)}; "
        "default all"
    ),
]
Precision = Annotated[PrecisionName, setting("precision")]
Flips = Annotated[str, setting("flips", show_default=False)]
StoreDtype = Annotated[StoreDtypeName, setting("store_dtype")]
SkipBelow = Annotated[float | None, setting("skip_below", allow_leading_hyphen=True)]
SkipOutside = Annotated[Path | None, setting("skip_outside")]
Workers = Annotated[int | None, setting("workers", converter=whole_number)]
Scheduler = Annotated[str | None, setting("scheduler")]
Overwrite = Annotated[bool, flag("Replace the result of another run")]
JsonOutput = Annotated[bool, flag("Print a JSON object on standard output", name="--json")]
