from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError, StoreError
from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.inference.result import Result
from napari_bayesseg.review.regions.region_table import RegionTable, find_result_regions
from tests.results import write_result

SHAPE = (6, 20, 24)
VOXEL = 2.0 * 0.5 * 0.5
# Box, height of the measure, expected error: three places apart from each other.
SMALL = (Roi((1, 2, 3), (2, 4, 5)), 0.9, 0.50)  # 4 voxels, the highest measure
WRONG = (Roi((2, 10, 2), (4, 14, 5)), 0.5, 0.45)  # 24 voxels, the most expected error
LARGE = (Roi((0, 2, 12), (6, 6, 20)), 0.4, 0.02)  # 192 voxels, touches the border in z


def arrays() -> tuple[np.ndarray, np.ndarray]:
    """Mean probability of two classes and a measure: low everywhere but in three places."""
    error = np.full(SHAPE, 0.001)
    measure = np.full(SHAPE, 0.01)
    for box, height, expected in (SMALL, WRONG, LARGE):
        error[box.slices] = expected
        measure[box.slices] = height
    measure[3, 12, 3] = 0.6  # the maximum of WRONG
    foreground = np.where(np.arange(SHAPE[2]) >= 10, 1 - error, error)  # class 1 from x = 10 on
    return np.stack([1 - foreground, foreground]), measure


def result(path: Path, **changes: object) -> Result:
    probability, measure = arrays()
    error = 1 - probability.max(0)
    measures = {"mutual_information": measure, "expected_error": error}
    return write_result(path, probability, measures, class_names=["=pore", "solid"], **changes)


@pytest.fixture
def table(tmp_path: Path) -> RegionTable:
    opened = result(tmp_path / "r.zarr")
    return find_result_regions(opened, "mutual_information", 0.2, max_extent=16.0)


def test_regions_come_in_the_order_of_their_expected_error(table: RegionTable) -> None:
    assert [region.id for region in table.regions] == [1, 2, 3]
    assert [region.box for region in table.regions] == [box for box, _, _ in (WRONG, LARGE, SMALL)]
    for region, (box, _, expected) in zip(table.regions, (WRONG, LARGE, SMALL), strict=True):
        assert region.voxel_count == box.size
        assert region.volume == pytest.approx(box.size * VOXEL)
        assert region.expected_error_volume == pytest.approx(box.size * expected * VOXEL, rel=1e-5)
        assert np.all(table.region_labels[box.slices] == region.id)
    assert np.count_nonzero(np.asarray(table.region_labels)) == sum(
        b.size for b, _, _ in (SMALL, WRONG, LARGE)
    )
    assert [region.touches_border for region in table.regions] == [False, True, False]
    assert table.regions[0].position == (3, 12, 3)
    assert table.regions[0].maximum == pytest.approx(0.6)


def test_the_total_is_that_of_all_voxels(table: RegionTable) -> None:
    probability, _ = arrays()
    total = (1 - probability.max(0)).sum() * VOXEL
    assert table.expected_error_volume == pytest.approx(total, rel=1e-5)
    assert sum(r.expected_error_volume for r in table.regions) < table.expected_error_volume


def test_the_boundary_uncertainty_is_its_shell_over_its_area(table: RegionTable) -> None:
    """One flat boundary between x = 9 and 10; its shell is 3 um wide on either side."""
    probability, _ = arrays()
    error = 1 - probability.max(0)
    centres = np.abs((np.arange(SHAPE[2]) - 9.5) * 0.5)
    shell = centres + 0.25 <= 3.0  # distance to the next voxel of the other class
    volume = error[:, :, shell].sum() * VOXEL
    area = SHAPE[0] * SHAPE[1] * (2.0 * 0.5)
    assert table.boundary_uncertainty == pytest.approx(volume / area, rel=1e-4)


def test_the_file_holds_settings_units_and_rows(table: RegionTable, tmp_path: Path) -> None:
    table.write_csv(tmp_path / "r.csv")
    lines = (tmp_path / "r.csv").read_text("utf-8").splitlines()
    comments = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    assert comments["run"] == "0123456789abcdef" * 4
    assert comments["measure"] == "mutual_information"
    assert comments["threshold"] == "0.2"
    assert comments["regions"] == "3"
    total = float(comments["expected error volume in all"].removesuffix(" micrometer^3"))
    assert total == pytest.approx(table.expected_error_volume, rel=1e-5)
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert list(rows[0]) == [
        "region",
        "expected_error_volume_micrometer^3",
        "volume_micrometer^3",
        "voxels",
        "mean_mutual_information (nat)",
        "p95_mutual_information (nat)",
        "maximum_mutual_information (nat)",
        "z_of_maximum",
        "y_of_maximum",
        "x_of_maximum",
        "box_z_y_x",
        "classes",
        "touches_border",
    ]
    inside = sum(float(row["expected_error_volume_micrometer^3"]) for row in rows)
    told = float(comments["expected error volume in regions"].removesuffix(" micrometer^3"))
    assert inside == pytest.approx(told, rel=1e-4)
    first = rows[0]
    assert (first["region"], first["voxels"], first["touches_border"]) == ("1", "24", "no")
    assert [first[f"{axis}_of_maximum"] for axis in "zyx"] == ["3", "12", "3"]
    assert first["box_z_y_x"] == str(WRONG[0])
    assert Roi.parse(first["box_z_y_x"], SHAPE) == WRONG[0]
    assert first["classes"] == "'=pore"  # no spreadsheet runs a class name
    assert float(first["volume_micrometer^3"]) == pytest.approx(24 * VOXEL)


def test_a_threshold_is_strict_and_may_leave_nothing(tmp_path: Path) -> None:
    opened = result(tmp_path / "r.zarr")
    height = float(np.float32(0.9))
    assert len(find_result_regions(opened, "mutual_information", height - 1e-6).regions) == 1
    empty = find_result_regions(opened, "mutual_information", height)
    assert empty.regions == ()
    assert not np.asarray(empty.region_labels).any()
    assert empty.expected_error_volume > 0
    empty.write_csv(tmp_path / "r.csv")
    assert "# regions: 0\n" in (tmp_path / "r.csv").read_text()


def test_extent_and_volume_are_in_the_scans_unit(tmp_path: Path) -> None:
    opened = result(tmp_path / "r.zarr")
    found = find_result_regions(opened, "mutual_information", 0.2, min_volume=24 * VOXEL)
    # A small scan: no region is longer than 8 of the smallest spacings.
    assert [region.voxel_count for region in found.regions] == [24, 64, 64, 64]
    cut = find_result_regions(opened, "mutual_information", 0.2, max_extent=4.0)
    lengths = [
        max(n * s for n, s in zip(region.box.shape, (2.0, 0.5, 0.5), strict=True))
        for region in cut.regions
    ]
    assert max(lengths) <= 4.0
    whole = find_result_regions(opened, "mutual_information", 0.2)
    # Cutting loses nothing.
    sums = [sum(r.expected_error_volume for r in t.regions) for t in (cut, whole)]
    assert sums[0] == pytest.approx(sums[1])


@pytest.mark.parametrize(
    "changes",
    [{"min_volume": -1.0}, {"min_volume": np.nan}, {"min_volume": np.inf}, {"max_extent": 0.0}],
)
def test_numbers_out_of_range_are_refused(tmp_path: Path, changes: dict[str, float]) -> None:
    opened = result(tmp_path / "r.zarr")
    with pytest.raises(SettingsError, match=next(iter(changes))):
        find_result_regions(opened, "mutual_information", 0.2, **changes)
    for threshold in (np.nan, np.inf, -np.inf):
        with pytest.raises(SettingsError, match="threshold must be a finite number"):
            find_result_regions(opened, "mutual_information", threshold)


def test_measures_are_checked(tmp_path: Path) -> None:
    opened = result(tmp_path / "r.zarr")
    with pytest.raises(SettingsError, match="measure must be one of"):
        find_result_regions(opened, "doubt", 0.2)
    with pytest.raises(StoreError, match="holds no measure 'variation_ratio'"):
        find_result_regions(opened, "variation_ratio", 0.2)


def test_the_expected_error_need_not_be_stored(tmp_path: Path) -> None:
    probability, measure = arrays()
    opened = write_result(tmp_path / "r.zarr", probability, {"mutual_information": measure})
    table = find_result_regions(opened, "mutual_information", 0.2)
    stored = find_result_regions(result(tmp_path / "s.zarr"), "mutual_information", 0.2)
    assert table.expected_error_volume == pytest.approx(stored.expected_error_volume, rel=1e-4)
    assert [r.box for r in table.regions] == [r.box for r in stored.regions]


def test_only_what_was_processed_counts(tmp_path: Path) -> None:
    """A run of a box, with a voxel that is no number inside."""
    probability, measure = arrays()
    probability[:, 2, 11, 3] = np.nan
    measure[2, 11, 3] = np.nan
    measures = {"mutual_information": measure, "expected_error": 1 - probability.max(0)}
    opened = write_result(tmp_path / "r.zarr", probability, measures, roi="2:6,0:20,0:10")
    table = find_result_regions(opened, "mutual_information", 0.2)
    assert [region.voxel_count for region in table.regions] == [23]
    assert table.expected_error_volume == pytest.approx(
        np.nansum((1 - probability.max(0))[2:6, :, :10]) * VOXEL, rel=1e-4
    )


def test_units_are_those_of_the_scan(tmp_path: Path) -> None:
    opened = result(tmp_path / "r.zarr", geometry=Geometry.from_spacing())
    table = find_result_regions(opened, "mutual_information", 0.2)
    assert table.unit == "pixel"
    assert "volume_pixel^3" in table.columns
    assert table.regions[0].volume == 24
