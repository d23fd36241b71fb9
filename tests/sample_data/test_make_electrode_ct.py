from __future__ import annotations

import itertools
from pathlib import Path
from xml.etree import ElementTree

import make_electrode_ct
import numpy as np
import pytest
import tifffile
from defects import CHANNELS
from make_electrode_ct import SERIES, SHIPPED_SEED, scan_parameters
from numpy.typing import NDArray
from scan import make_scan
from tomography import Geometry

OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"
SHIPPED = ("electrode_ct", "electrode_labels", "electrode_unseen")


def read(path: Path) -> tuple[NDArray[np.generic], str, ElementTree.Element]:
    """Return the array, its axes and the OME element ``Pixels``."""
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        assert file.ome_metadata is not None
        pixels = ElementTree.fromstring(file.ome_metadata).find(f".//{OME}Pixels")
        assert pixels is not None
        return file.asarray(), file.series[0].axes, pixels


def assert_voxel_size(pixels: ElementTree.Element) -> None:
    for axis in "XYZ":
        assert float(pixels.attrib[f"PhysicalSize{axis}"]) == 0.5
        assert pixels.attrib[f"PhysicalSize{axis}Unit"] == "µm"


def test_seeds_are_disjoint() -> None:
    ranges = [series.seeds(1000) for series in SERIES.values()] + [[SHIPPED_SEED]]
    for first, second in itertools.combinations(ranges, 2):
        assert not set(first) & set(second)


@pytest.mark.parametrize("count", [0, -1, 1001])
def test_a_count_beyond_the_seeds_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="count must be 1 to 1000"):
        SERIES["training"].seeds(count)


@pytest.mark.parametrize(
    "arguments", [["--count", "2"], ["--series", "training", "--count", "0"], ["--series", "x"]]
)
def test_wrong_arguments_end_with_code_2(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        make_electrode_ct.main(["--out", str(tmp_path), *arguments])
    assert caught.value.code == 2
    assert "error" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "folders"), [("training", 2), ("test-defects", 3)])
def test_a_series_pairs_scans_and_truth_by_name(
    name: str, folders: int, tmp_path: Path, small: Geometry
) -> None:
    make_electrode_ct.write_series(tmp_path, SERIES[name], 2, small)
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.tif"))
    parts = ["labels", "scans", "unseen"][:folders]
    assert found == [f"{part}/electrode_{n:02d}.ome.tif" for part in parts for n in range(2)]
    assert [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".tif"] == []


def test_files_hold_the_scan_and_are_made_again_byte_for_byte(
    tmp_path: Path, small: Geometry
) -> None:
    first = make_electrode_ct.write_shipped(tmp_path / "first", small)
    again = make_electrode_ct.write_shipped(tmp_path / "again", small)
    made = make_scan(SHIPPED_SEED, scan_parameters(with_defects=True, geometry=small))
    for one, other, array in zip(first, again, (made.image, made.labels, made.unseen), strict=True):
        assert one.read_bytes() == other.read_bytes()
        stored, axes, pixels = read(one)
        np.testing.assert_array_equal(stored, array)
        assert axes == ("CZYX" if stored.ndim == 4 else "ZYX")
        assert_voxel_size(pixels)


def test_no_training_or_test_scan_is_the_shipped_one(small: Geometry) -> None:
    parameters = scan_parameters(with_defects=False, geometry=small)
    shipped = make_scan(SHIPPED_SEED, parameters)
    for series in SERIES.values():
        other = make_scan(series.seeds()[0], parameters)
        assert np.mean(other.labels != shipped.labels) > 0.2


def test_shipped_scan_on_disk(sample_folder: Path) -> None:
    image, axes, pixels = read(sample_folder / "electrode_ct.ome.tif")
    assert (image.shape, image.dtype, axes) == ((96, 192, 192), np.uint16, "ZYX")
    assert_voxel_size(pixels)
    assert 300 < np.unique(image).size < 4096


def test_shipped_labels_on_disk(sample_folder: Path) -> None:
    labels, axes, pixels = read(sample_folder / "electrode_labels.ome.tif")
    assert (labels.shape, labels.dtype, axes) == ((96, 192, 192), np.uint8, "ZYX")
    assert_voxel_size(pixels)
    fractions = np.bincount(labels.ravel()) / labels.size
    assert fractions.size == 3
    np.testing.assert_allclose(fractions, [0.37, 0.52, 0.11], atol=0.04)


def test_shipped_masks_on_disk(sample_folder: Path) -> None:
    unseen, axes, pixels = read(sample_folder / "electrode_unseen.ome.tif")
    assert (unseen.shape, unseen.dtype, axes) == ((6, 96, 192, 192), np.uint8, "CZYX")
    assert_voxel_size(pixels)
    names = [channel.attrib["Name"] for channel in pixels.findall(f"{OME}Channel")]
    assert tuple(names) == CHANNELS
    assert set(np.unique(unseen)) == {0, 1}
    assert np.all(unseen.sum(axis=(1, 2, 3), dtype=int) > 1000)
    assert unseen.any(axis=0).mean() < 0.1


def test_shipped_files_are_small(sample_folder: Path) -> None:
    for name in SHIPPED:
        assert (sample_folder / f"{name}.ome.tif").stat().st_size <= 6_000_000


@pytest.mark.long
def test_the_script_makes_the_shipped_files(sample_folder: Path, tmp_path: Path) -> None:
    """Rounding differs between machines: a few voxels may flip, and grey move by a level."""
    for path in make_electrode_ct.write_shipped(tmp_path):
        made, stored = (read(folder / path.name)[0] for folder in (tmp_path, sample_folder))
        difference = np.abs(made.astype(int) - stored)
        limit = 2 if path.name == "electrode_ct.ome.tif" else 0
        assert np.mean(difference > limit) < 1e-4
