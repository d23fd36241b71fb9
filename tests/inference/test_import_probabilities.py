from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_bayesseg.core.errors import FormatError, GeometryError, SettingsError
from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.import_probabilities import import_probabilities
from napari_bayesseg.inference.result import load_result
from napari_bayesseg.numerics.measure_formulas import mutual_information, predictive_entropy

SHAPE = (6, 9, 11)


@pytest.fixture
def members() -> np.ndarray:
    logits = np.random.default_rng(0).normal(size=(3, 4, *SHAPE))
    exponentials = np.exp(logits)
    return (exponentials / exponentials.sum(1, keepdims=True)).astype(np.float32)


def save(path: Path, array: np.ndarray) -> Path:
    np.save(path, array)
    return path


def test_one_array_gives_entropy_but_no_disagreement(tmp_path: Path, members: np.ndarray) -> None:
    out = tmp_path / "r.zarr"
    result = import_probabilities([save(tmp_path / "p.npy", members[0])], out)
    assert "mutual_information" not in result.measures
    np.testing.assert_allclose(
        result.measure("predictive_entropy"), predictive_entropy(members[:1]), atol=1e-5
    )
    np.testing.assert_array_equal(result.labels, members[0].argmax(0))
    assert result.class_names == ("class 0", "class 1", "class 2", "class 3")


@pytest.mark.parametrize("together", [True, False])
def test_members_give_mutual_information(
    tmp_path: Path, members: np.ndarray, together: bool
) -> None:
    if together:
        files = [save(tmp_path / "p.npy", members)]
    else:
        files = [save(tmp_path / f"{t}.npy", member) for t, member in enumerate(members)]
    result = import_probabilities(files, tmp_path / "r.zarr")
    np.testing.assert_allclose(
        result.measure("mutual_information"), mutual_information(members), atol=1e-5
    )
    np.testing.assert_allclose(load_result(result.path).draw(1), members[1], atol=1e-6)


def test_geometry_comes_from_the_scan(tmp_path: Path, members: np.ndarray) -> None:
    scan = tmp_path / "scan.tif"
    tifffile.imwrite(
        scan,
        np.zeros(SHAPE, np.uint8),
        imagej=True,
        resolution=(2.0, 2.0),
        metadata={"spacing": 3.0, "unit": "um", "axes": "ZYX"},
    )
    result = import_probabilities(
        [save(tmp_path / "p.npy", members)], tmp_path / "r.zarr", scan=scan
    )
    assert result.geometry.spacing == pytest.approx((3.0, 0.5, 0.5))
    tifffile.imwrite(scan, np.zeros((6, 9, 12), np.uint8), imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(GeometryError, match="fit the scan"):
        import_probabilities([tmp_path / "p.npy"], tmp_path / "other.zarr", scan=scan)


def test_names_and_measures_are_checked(tmp_path: Path, members: np.ndarray) -> None:
    files = [save(tmp_path / "p.npy", members[0])]
    with pytest.raises(SettingsError, match="4 classes"):
        import_probabilities(files, tmp_path / "r.zarr", class_names=("a", "b"))
    with pytest.raises(SettingsError, match="compares members"):
        import_probabilities(files, tmp_path / "r.zarr", measures=("mutual_information",))
    with pytest.raises(SettingsError, match="at least one file"):
        import_probabilities([], tmp_path / "r.zarr")
    assert not (tmp_path / "r.zarr").exists()


def test_logits_are_refused(tmp_path: Path) -> None:
    logits = np.random.default_rng(0).normal(size=(3, *SHAPE)).astype(np.float32)
    with pytest.raises(FormatError, match="sum to 1"):
        import_probabilities([save(tmp_path / "p.npy", logits)], tmp_path / "r.zarr")
    assert not (tmp_path / "r.zarr").exists()


def test_a_scan_in_memory_gives_the_geometry(tmp_path: Path) -> None:
    softmax = np.full((2, 4, 5, 6), 0.5, np.float32)
    np.save(tmp_path / "p.npy", softmax)
    geometry = Geometry.from_spacing((2.0, 0.5, 0.5), unit="micrometer")
    scan = Volume.from_array(np.zeros((4, 5, 6), np.uint8), geometry)
    result = import_probabilities([tmp_path / "p.npy"], tmp_path / "r.zarr", scan=scan)
    assert result.geometry == geometry
    assert result.spec.source is None
    other = Volume.from_array(np.zeros((4, 5, 7), np.uint8))
    with pytest.raises(GeometryError, match="don't fit"):
        import_probabilities([tmp_path / "p.npy"], tmp_path / "s.zarr", scan=other)
