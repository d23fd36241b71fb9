"""Spacing, origin and unit from what TIFF files say about them, in their several dialects."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_bayesseg.core.errors import GeometryError
from napari_bayesseg.core.geometry import convert_length, normalise_unit
from napari_bayesseg.io.stored import Notes

__all__ = ["OmeImage", "Placement", "described_placement", "ome_placement", "parse_ome"]

Placement = tuple[NDArray[np.float64], str]
"""A (4, 4) affine in (z, y, x) order and its unit."""

_RESOLUTION_UNITS = {2: "inch", 3: "centimeter"}
_SCREEN_RESOLUTIONS = (72.0, 96.0)  # per inch: an editor's default, not a measurement


@dataclass(frozen=True)
class OmeImage:
    """What the OME-XML of a file says about its first image.

    Attributes
    ----------
    pixels : mapping
        Attributes of the `Pixels` element.
    plane : mapping
        Attributes of the first `Plane` element; empty without one.
    num_images : int
        How many images the file holds.
    num_files : int
        Over how many files they are spread.
    """

    pixels: Mapping[str, str]
    plane: Mapping[str, str]
    num_images: int
    num_files: int


def parse_ome(description: str) -> OmeImage | None:
    """Read OME-XML; None where the text isn't any, or can't be parsed.

    Document types and entities are not accepted: their expansion could fill the memory.
    """
    if "<!DOCTYPE" in description or "<!ENTITY" in description:
        return None
    try:
        root = ElementTree.fromstring(description)
    except (ElementTree.ParseError, ValueError):
        return None
    images = [element for element in root if _tag(element) == "Image"]
    pixels = [element for image in images for element in image if _tag(element) == "Pixels"]
    if _tag(root) != "OME" or not pixels:
        return None
    planes = [element for element in pixels[0] if _tag(element) == "Plane"]
    files = {element.text for element in root.iter() if _tag(element) == "UUID"}
    plane = dict(planes[0].attrib) if planes else {}
    return OmeImage(dict(pixels[0].attrib), plane, len(images), max(len(files), 1))


def _tag(element: ElementTree.Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def ome_placement(image: OmeImage, depth: int, notes: Notes) -> Placement:
    """Return the affine and unit of an OME image.

    Parameters
    ----------
    image : OmeImage
        From :func:`parse_ome`.
    depth : int
        Number of z planes; a missing z spacing matters from two on.
    notes : Notes
        Takes what was assumed.
    """
    values: list[float | None] = []
    units: list[str] = []
    for letter in "ZYX":
        text = image.pixels.get(f"PhysicalSize{letter}")
        values.append(None if text is None else _number(text, f"PhysicalSize{letter}"))
        units.append(normalise_unit(image.pixels.get(f"PhysicalSize{letter}Unit", "\u00b5m")))
    if all(value is None for value in values):
        return np.eye(4), "pixel"
    unit = (
        units[2]
        if values[2] is not None
        else units[next(number for number, value in enumerate(values) if value is not None)]
    )
    spacing = []
    for letter, value, own in zip("ZYX", values, units, strict=True):
        if value is None:
            if letter != "Z" or depth > 1:
                notes.warn(f"no spacing is stored along {letter}; taken as 1 {unit}")
            spacing.append(1.0)
        else:
            spacing.append(_in_unit(value, own, unit, letter, notes))
    matrix = np.diag([*spacing, 1.0])
    for row, letter in enumerate("ZYX"):
        position = image.plane.get(f"Position{letter}")
        own = normalise_unit(image.plane.get(f"Position{letter}Unit"))
        if position is not None and own != "pixel" and unit != "pixel":
            matrix[row, 3] = convert_length(_number(position, f"Position{letter}"), own, unit)
    return matrix, unit


def _in_unit(value: float, own: str, unit: str, letter: str, notes: Notes) -> float:
    """Return a spacing in the common unit, telling about mixed ones."""
    if own == unit:
        return value
    if "pixel" in (own, unit):
        notes.warn(f"the spacing along {letter} is in {own}, the others in {unit}; taken as {unit}")
        return value
    notes.warn(f"mixed units: the spacing along {letter} was converted from {own} to {unit}")
    return convert_length(value, own, unit)


def described_placement(
    page: tifffile.TiffPage, described: Mapping[str, Any], depth: int, notes: Notes
) -> Placement:
    """Return the affine and unit of an ImageJ, tifffile-shaped or plain TIFF.

    Parameters
    ----------
    page : TiffPage
        The first page, for its resolution.
    described : mapping
        Keys of the image description: `unit`, `spacing`, also `yunit`, `zunit` (ImageJ).
    depth : int
        Number of z planes.
    notes : Notes
        Takes what was assumed.
    """
    unit = normalise_unit(_text(described.get("unit")))
    along_x, along_y = _pixel_size(page, 282), _pixel_size(page, 283)
    code = int(page.tags.valueof(296, 2))
    if described.get("unit") is None:
        if code not in _RESOLUTION_UNITS or along_x is None:
            z = described.get("spacing")
            return np.diag([1.0 if z is None else _number(z, "spacing"), 1.0, 1.0, 1.0]), "pixel"
        unit = _RESOLUTION_UNITS[code]
        if unit == "inch" and any(abs(along_x * dpi - 1) < 1e-6 for dpi in _SCREEN_RESOLUTIONS):
            notes.record(f"the resolution of {1 / along_x:.0f} dpi is an editor's default; ignored")
            return np.eye(4), "pixel"
    x = 1.0 if along_x is None else along_x
    y = x if along_y is None else along_y
    assumed = 1.0 if page.is_imagej else x  # ImageJ leaves a spacing of one out
    z = _depth_spacing(described, assumed, unit, depth, notes)
    own = described.get("yunit")
    if own is not None and normalise_unit(_text(own)) != unit:
        y = _in_unit(y, normalise_unit(_text(own)), unit, "Y", notes)
    return np.diag([z, y, x, 1.0]), unit


def _depth_spacing(
    described: Mapping[str, Any], assumed: float, unit: str, depth: int, notes: Notes
) -> float:
    """Return the spacing along z, which TIFF has no tag for."""
    if described.get("spacing") is None:
        if depth > 1:
            tell = notes.record if unit == "pixel" else notes.warn
            tell(f"no spacing is stored along Z; taken as {assumed:.6g} {unit}")
        return assumed
    z = _number(described["spacing"], "spacing")
    own = described.get("zunit")
    if own is None:
        return z
    return _in_unit(z, normalise_unit(_text(own)), unit, "Z", notes)


def _pixel_size(page: tifffile.TiffPage, tag: int) -> float | None:
    """Return 1 / resolution, None where the tag is absent."""
    value = page.tags.valueof(tag)
    if value is None:
        return None
    numerator, denominator = value if isinstance(value, tuple) else (value, 1)
    if numerator == 0 or denominator == 0:
        raise GeometryError(
            f"the resolution must not be zero or infinite; it is {numerator}/{denominator}"
        )
    return float(denominator) / float(numerator)


def _text(value: object) -> str | None:
    """Return a description's value as text, with ImageJ's escaped letters resolved."""
    if value is None:
        return None
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), str(value))


def _number(value: object, what: str) -> float:
    """Return a finite number, or say what should have been one."""
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise GeometryError(f"{what} must be a finite number; it is {value!r}")
    return number
