from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_bayesseg.core.errors import BayesSegWarning, GeometryError
from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.io.tiff_geometry import parse_ome

STACK = np.zeros((5, 6, 7), np.uint8)


def geometry(path: Path, warning: str | None = None, **kwargs) -> Geometry:
    tifffile.imwrite(path, kwargs.pop("values", STACK), **kwargs)
    told = pytest.warns(BayesSegWarning, match=warning) if warning else contextlib.nullcontext()
    with told:
        return read_volume(path).spec.geometry


def ome(**sizes) -> dict:
    return {"axes": "ZYX", **sizes}


@pytest.mark.parametrize(
    ("unit", "spacing", "name"),
    [
        (None, (2, 0.25, 0.5), "micrometer"),
        ("nm", (5, 5, 5), "nanometer"),
        ("\u00c5", (2, 2, 2), "angstrom"),
        ("m", (1e-9, 1e-9, 1e-9), "meter"),
        ("pixel", (3, 2, 2), "pixel"),
        ("reference frame", (3, 2, 2), "pixel"),
    ],
)
def test_physical_sizes_of_ome(tmp_path, unit, spacing, name):
    metadata = ome()
    for letter, value in zip("ZYX", spacing, strict=True):
        metadata[f"PhysicalSize{letter}"] = value
        if unit is not None:
            metadata[f"PhysicalSize{letter}Unit"] = unit
    found = geometry(tmp_path / "a.ome.tif", metadata=metadata)
    assert found == Geometry.from_spacing(spacing, unit=name)


def test_ome_without_physical_sizes_counts_in_pixels(tmp_path):
    assert geometry(tmp_path / "a.ome.tif", metadata=ome()) == Geometry.from_spacing()


def test_mixed_units_are_converted_and_told(tmp_path):
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 500, "PhysicalSizeZ": 0.002}
    units = {"PhysicalSizeYUnit": "nm", "PhysicalSizeZUnit": "mm"}
    found = geometry(tmp_path / "a.ome.tif", "mixed units", metadata=ome(**sizes, **units))
    assert found.unit == "micrometer"
    assert found.spacing == pytest.approx((2, 0.5, 0.5), rel=1e-12)


def test_a_missing_z_spacing_is_told(tmp_path):
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    found = geometry(tmp_path / "a.ome.tif", "along Z", metadata=ome(**sizes))
    assert found.spacing == (1, 0.5, 0.5)
    flat = geometry(tmp_path / "b.ome.tif", values=STACK[0], metadata={"axes": "YX", **sizes})
    assert flat.spacing == (1, 0.5, 0.5)


def test_the_position_of_the_first_plane_is_the_origin(tmp_path):
    plane = {}
    for letter, value in (("X", 1.5), ("Y", -2.0), ("Z", 0.003)):
        plane[f"Position{letter}"] = [value] * 5
        plane[f"Position{letter}Unit"] = ["mm" if letter == "Z" else "\u00b5m"] * 5
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 0.5}
    found = geometry(tmp_path / "a.ome.tif", metadata=ome(**sizes, Plane=plane))
    assert found.translation == pytest.approx((3.0, -2.0, 1.5))


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("\\u00b5m", "micrometer"),
        ("um", "micrometer"),
        ("micron", "micrometer"),
        ("microns", "micrometer"),
        ("nm", "nanometer"),
        ("mm", "millimeter"),
        ("cm", "centimeter"),
        ("inch", "inch"),
        ("pixel", "pixel"),
        ("furlong", "pixel"),
    ],
)
def test_imagej_units(tmp_path, unit, name):
    metadata = {"axes": "ZYX", "spacing": 2.5, "unit": unit}
    found = geometry(tmp_path / "a.tif", imagej=True, metadata=metadata, resolution=(2, 4))
    assert found == Geometry.from_spacing((2.5, 0.25, 0.5), unit=name)


def test_imagej_leaves_a_z_spacing_of_one_out(tmp_path):
    metadata = {"axes": "ZYX", "unit": "um"}
    found = geometry(
        tmp_path / "a.tif", "along Z", imagej=True, metadata=metadata, resolution=(2, 2)
    )
    assert found.spacing == (1.0, 0.5, 0.5)


def test_imagej_may_give_z_another_unit(tmp_path):
    metadata = {"axes": "ZYX", "spacing": 2000, "unit": "um", "zunit": "nm"}
    found = geometry(
        tmp_path / "a.tif", "mixed units", imagej=True, metadata=metadata, resolution=(2, 2)
    )
    assert found.spacing == pytest.approx((2.0, 0.5, 0.5))


@pytest.mark.parametrize(("unit", "name"), [(3, "centimeter"), (2, "inch")])
def test_plain_resolution_needs_a_unit(tmp_path, unit, name):
    found = geometry(
        tmp_path / "a.tif", "along Z", metadata=None, resolution=(200, 400), resolutionunit=unit
    )
    assert found == Geometry.from_spacing((0.005, 0.0025, 0.005), unit=name)
    assert (
        geometry(tmp_path / "b.tif", metadata=None, resolution=(200, 400), resolutionunit=1)
        == Geometry.from_spacing()
    )


@pytest.mark.parametrize("dpi", [72, 96])
def test_an_editors_default_resolution_is_no_measurement(tmp_path, dpi):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, metadata=None, resolution=(dpi, dpi), resolutionunit=2)
    spec = read_volume(path).spec
    assert spec.geometry == Geometry.from_spacing()
    assert f"{dpi} dpi" in spec.notes[0]


def test_python_written_stacks_may_carry_spacing_and_unit(tmp_path):
    metadata = {"axes": "ZYX", "spacing": 3.0, "unit": "um"}
    found = geometry(tmp_path / "a.tif", metadata=metadata, resolution=(2, 2))
    assert found == Geometry.from_spacing((3.0, 0.5, 0.5), unit="micrometer")


@pytest.mark.parametrize("value", [0, float("nan"), float("inf")])
@pytest.mark.parametrize("letter", "XYZ")
def test_impossible_ome_sizes_are_refused(tmp_path, letter, value):
    sizes = dict.fromkeys(("PhysicalSizeX", "PhysicalSizeY", "PhysicalSizeZ"), 1.0)
    sizes[f"PhysicalSize{letter}"] = value
    with pytest.raises(GeometryError, match=r"^a.ome.tif: "):
        geometry(tmp_path / "a.ome.tif", metadata=ome(**sizes))


def test_entities_in_ome_are_not_expanded():
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]><OME><Image><Pixels SizeX="&a;"/></Image></OME>'
    assert parse_ome(bomb) is None
    assert parse_ome("ImageJ=1.54") is None
    assert parse_ome("<OME><Image/></OME>") is None
    image = parse_ome('<OME xmlns="http://x"><Image><Pixels SizeX="4"/></Image></OME>')
    assert image is not None
    assert image.pixels == {"SizeX": "4"}
