from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError, StoreError
from napari_bayesseg.review.regions.region_settings import (
    RegionSettings,
    default_extent,
    default_measure,
    default_settings,
)
from napari_bayesseg.review.regions.region_source import RegionSource
from tests.results import write_result
from tests.review.cases import SHAPE, write_random_result

GOOD = RegionSettings("mutual_information_excess", -0.1, 0.5, 3.5, None)


@pytest.mark.parametrize(
    "settings", [GOOD, RegionSettings("expected_error", 0.1, 0.1), GOOD.__class__("m", 0, 1, 1, 2)]
)
def test_settings_survive_json(settings: RegionSettings) -> None:
    assert RegionSettings.from_json(json.loads(json.dumps(settings.as_json()))) == settings


def test_good_settings_pass() -> None:
    assert GOOD.checked() is GOOD


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measure": "doubt_excess"}, "measure must be one of"),
        ({"lower": np.nan}, "lower threshold must be a finite number; got nan"),
        ({"upper": np.inf}, "upper threshold must be a finite number; got inf"),
        ({"lower": 0.6}, "upper threshold must not be below the lower; got 0.5 and 0.6"),
        ({"min_volume": -1.0}, "min_volume must be 0 or more"),
        ({"min_volume": np.nan}, "min_volume must be 0 or more"),
        ({"max_extent": 0.0}, "max_extent must be positive"),
        ({"max_extent": np.nan}, "max_extent must be positive"),
    ],
)
def test_numbers_out_of_range_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        RegionSettings(**(GOOD.as_json() | changes)).checked()


@pytest.mark.parametrize("values", [{}, {"measure": "x"}, GOOD.as_json() | {"lower": "high"}, []])
def test_other_entries_are_no_settings(values: object) -> None:
    with pytest.raises(StoreError, match="no settings of regions"):
        RegionSettings.from_json(values)


@pytest.mark.parametrize(
    ("stored", "samples", "expected"),
    [
        (("expected_error", "mutual_information", "standard_deviation"), 16, "standard_deviation"),
        (("expected_error", "mutual_information"), 16, "mutual_information"),
        (("expected_error", "variation_ratio"), 16, "expected_error"),
        (("expected_error", "mutual_information"), 1, "expected_error"),
        (("variation_ratio",), 16, "variation_ratio"),
    ],
)
def test_the_default_measure_is_the_best_that_says_something(
    tmp_path: Path, stored, samples, expected
) -> None:
    probability = np.full((2, 1, 4, 4), 0.5)
    maps = {name: np.zeros((1, 4, 4)) for name in stored}
    result = write_result(tmp_path / "r.zarr", probability, maps)
    result.record["settings"]["num_samples"] = samples
    assert default_measure(result) == expected


@pytest.mark.parametrize(("stored", "samples"), [((), 16), (("variation_ratio",), 1)])
def test_without_a_measure_there_is_no_default(tmp_path: Path, stored, samples) -> None:
    maps = {name: np.zeros((1, 4, 4)) for name in stored}
    result = write_result(tmp_path / "r.zarr", np.full((2, 1, 4, 4), 0.5), maps)
    result.record["settings"]["num_samples"] = samples
    with pytest.raises(StoreError, match="holds no uncertainty measure"):
        default_measure(result)


def test_default_thresholds_are_percentiles(tmp_path: Path) -> None:
    result = write_random_result(tmp_path / "r.zarr")
    for measure in ("expected_error", "mutual_information_excess"):
        source = RegionSource.read(result, measure)
        settings = default_settings(source).checked()
        lower, upper = np.percentile(source.values.astype(np.float64), (95.0, 99.8))
        assert settings.lower == pytest.approx(lower, rel=1e-6)
        assert settings.upper == pytest.approx(upper, rel=1e-6)
        assert settings.min_volume == pytest.approx(27 * 2.0 * 0.5 * 0.5)
        share = source.curve.share_above(settings.lower)
        assert share == pytest.approx(0.05, abs=0.002)
    assert source.values.shape == SHAPE


@pytest.mark.parametrize(
    ("shape", "spacing", "expected"),
    [
        ((500, 500, 500), (1.0, 1.0, 1.0), 32.0),
        ((96, 200, 200), (0.5, 0.5, 0.5), 16.0),
        ((35, 51, 36), (1.0, 1.0, 1.0), 35 / 3),
        ((12, 60, 60), (1.0, 1.0, 1.0), 8.0),
        ((10, 256, 256), (10.0, 1.5, 1.5), 100 / 3),
        ((1, 90, 120), (1.0, 1.0, 1.0), 30.0),
        ((1, 1, 1), (1.0, 1.0, 1.0), 8.0),
    ],
)
def test_regions_are_shorter_in_small_scans(shape, spacing, expected) -> None:
    assert default_extent(shape, spacing) == pytest.approx(expected)
