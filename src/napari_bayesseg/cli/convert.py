"""``napari-bayesseg convert``."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from napari_bayesseg.cli import options
from napari_bayesseg.cli.output import say, write_json
from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import normalise_unit
from napari_bayesseg.networks.foreign.convert import convert_model, describe_network

__all__ = ["convert"]


def convert(
    *files: Annotated[
        Path,
        Parameter(
            help="State dict: *.safetensors, *.pt or *.pth; several, such as the folds of a "
            "cross-validation, become an ensemble"
        ),
    ],
    network: Annotated[
        Literal["monai.UNet", "monai.VNet", "monai.DynUNet", "monai.SegResNet", "vnet3d"],
        Parameter(help="What the weights belong to; vnet3d is our own"),
    ],
    class_names: Annotated[str, Parameter(help="In the order of the labels, with commas")],
    out: Annotated[Path, Parameter(help="Model folder to write")],
    arguments: Annotated[
        str | None,
        Parameter(
            help="Further arguments of the network's constructor: a JSON object, or a file with "
            "one; number of classes and channels of the scan are options of their own"
        ),
    ] = None,
    num_classes: Annotated[
        int | None,
        Parameter(
            help="Output channels of the network; default one for each class name",
            converter=options.whole_number,
        ),
    ] = None,
    in_channels: Annotated[
        int, Parameter(help="Channels of the scan", converter=options.whole_number)
    ] = 1,
    name: Annotated[str | None, Parameter(help="Short name; default that of the folder")] = None,
    title: Annotated[str, Parameter(help="One line for people", show_default=False)] = "",
    spacing: Annotated[
        str | None,
        Parameter(help="Voxel spacing of the training scans: Z,Y,X,UNIT, as in 2,0.5,0.5,um"),
    ] = None,
    normalisation: Annotated[
        str, Parameter(help="Percentiles of the scan at which grey values are clipped: LOW,HIGH")
    ] = "0.5,99.5",
    licence: Annotated[
        str, Parameter(help="Of the weights; default not stated", show_default=False)
    ] = "not stated",
    data: Annotated[
        str, Parameter(help="What it was trained on, and that licence", show_default=False)
    ] = "",
    overwrite: Annotated[bool, options.flag("Replace an existing model")] = False,
    json: options.JsonOutput = False,
) -> None:
    """Turn a state dict made elsewhere into a model.

    A single network must have dropout: posterior draws are made by leaving it on. Nothing in the
    files is ever executed. Scans are normalised to clipped z-scores of the whole scan before the
    network sees them; train it on the same.
    """
    if not files:
        raise SettingsError("convert needs a state dict: name one file, or one a member")
    if out.exists() and not overwrite:
        raise SettingsError(f"{out}: exists already; name another folder, or pass --overwrite")
    names = options.split_names(class_names)
    classes = len(names) if num_classes is None else num_classes
    spec = describe_network(network, classes, _arguments(arguments), in_channels)
    low, high = _numbers("normalisation", normalisation, ("LOW", "HIGH"))
    entries: dict[str, Any] = {
        "name": name or out.resolve().name,
        "title": title,
        "class_names": names,
        "normalisation": {"low_percentile": low, "high_percentile": high},
        "spacing": _spacing(spacing),
        "licence": licence,
        "data": data,
    }
    card = convert_model(files, out, spec, entries)
    if json:
        write_json({"model": str(out), **card.model_dump(mode="json")})
    else:
        say(f"{out}: {network}, {card.training['parameters']} parameters, {card.method}")


def _arguments(text: str | None) -> dict[str, Any]:
    """Read a JSON object, given itself or as a file."""
    if text is None:
        return {}
    content = text
    if not text.lstrip().startswith("{"):
        try:
            content = Path(text).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not a text file"
            raise SettingsError(
                f"arguments must be a JSON object or a file with one; got {text!r} ({reason})"
            ) from None
    try:
        values = json_format.loads(content)
    except (json_format.JSONDecodeError, RecursionError) as error:
        raise SettingsError(f"arguments: not JSON ({error})") from None
    if not isinstance(values, dict):
        raise SettingsError(f"arguments must be a JSON object; got a {type(values).__name__}")
    return values


def _numbers(name: str, text: str, parts: tuple[str, ...]) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != len(parts):
        raise SettingsError(f"{name} must be {','.join(parts)}; got {text!r}")
    return values


def _spacing(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    numbers, _, unit = text.rpartition(",")
    if not unit or unit.strip()[:1].isdigit():
        numbers, unit = text, "pixel"
    return {
        "zyx": _numbers("spacing", numbers, ("Z", "Y", "X")),
        "unit": normalise_unit(unit),
    }
