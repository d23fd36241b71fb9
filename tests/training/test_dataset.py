from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_bayesseg.core.errors import FormatError, GeometryError
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.networks.checkpoint import Normalisation
from napari_bayesseg.training.dataset import (
    TrainingPair,
    folder_pairs,
    load_cases,
    number_of_classes,
)
from tests.training.cases import OME, SPACING, tiny_case, tiny_settings, write_pairs


def load(scans: Path, labels: Path, **changes: object):
    settings = tiny_settings(**changes)
    return load_cases(folder_pairs(scans, labels, settings), settings, Normalisation())


def test_cases_are_normalised_as_at_prediction_and_keep_their_geometry(tmp_path: Path) -> None:
    cases = load(*write_pairs(tmp_path))
    assert [case.name for case in cases] == ["s0", "s1", "s2"]
    scan = tifffile.imread(tmp_path / "scans" / "s1.ome.tif").astype(np.float64)
    clipped = np.clip(scan, *np.percentile(scan, (0.5, 99.5)))
    expected = (scan - clipped.mean()) / clipped.std()
    np.testing.assert_allclose(cases[1].image, expected, atol=2e-3)
    assert cases[1].image.dtype == np.float32
    assert cases[1].labels.dtype == np.int32
    assert cases[1].geometry.spacing == pytest.approx(SPACING)
    assert cases[1].geometry.unit == "micrometer"


def rewrite(path: Path, values: np.ndarray, **metadata: object) -> None:
    tifffile.imwrite(path, values, ome=True, metadata=metadata)


def test_labels_may_be_truth_values_floats_or_many(tmp_path: Path) -> None:
    scans, labels = write_pairs(tmp_path)
    truth = tiny_case().labels
    rewrite(labels / "s0.ome.tif", truth.astype(bool), **OME)
    rewrite(labels / "s1.ome.tif", truth.astype(np.float32), **OME)
    rewrite(labels / "s2.ome.tif", truth.astype(np.uint16) * 300, **OME)
    cases = load(scans, labels)
    np.testing.assert_array_equal(cases[0].labels, truth)
    np.testing.assert_array_equal(cases[1].labels, truth)
    np.testing.assert_array_equal(cases[2].labels, truth.astype(int) * 300)
    assert {case.labels.dtype for case in cases} == {np.dtype(np.int32)}


@pytest.mark.parametrize("value", [0.5, -1.0, 1024.0, np.nan])
def test_labels_that_are_no_classes_are_refused(tmp_path: Path, value: float) -> None:
    scans, labels = write_pairs(tmp_path)
    truth = tiny_case().labels.astype(np.float32)
    truth[0, 0, 0] = value
    rewrite(labels / "s1.ome.tif", truth, **OME)
    with pytest.raises(FormatError, match=r"^s1: labels must be whole numbers from 0 to 1023"):
        load(scans, labels)


def test_a_pair_of_two_shapes_is_refused(tmp_path: Path) -> None:
    scans, labels = write_pairs(tmp_path)
    rewrite(labels / "s1.ome.tif", np.zeros((8, 12, 11), np.uint8), **OME)
    with pytest.raises(GeometryError, match=r"^s1: .*\(8, 12, 12\) and \(8, 12, 11\) voxels"):
        load(scans, labels)


@pytest.mark.parametrize(
    "changes", [{"PhysicalSizeX": 0.6}, {f"PhysicalSize{axis}Unit": "mm" for axis in "XYZ"}]
)
def test_a_pair_of_two_spacings_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    scans, labels = write_pairs(tmp_path)
    rewrite(labels / "s1.ome.tif", tiny_case().labels, **{**OME, **changes})
    with pytest.raises(GeometryError, match=r"^s1: scan and labels must have one spacing"):
        load(scans, labels)


def test_labels_that_say_nothing_of_spacing_take_the_scans(tmp_path: Path) -> None:
    scans, labels = write_pairs(tmp_path)
    rewrite(labels / "s1.ome.tif", tiny_case().labels, axes="ZYX")
    assert load(scans, labels)[1].geometry.spacing == pytest.approx(SPACING)


def test_the_number_of_classes() -> None:
    case = tiny_case()
    assert number_of_classes([case], ()) == 2
    assert number_of_classes([case], ("a", "b", "c")) == 3
    background = tiny_case()
    background.labels[...] = 0
    assert number_of_classes([background], ()) == 2
    background.labels[0, 0, 0] = 4
    assert number_of_classes([case, background], ()) == 5
    with pytest.raises(FormatError, match="labels go up to 4, but class_names names 2 classes"):
        number_of_classes([background], ("a", "b"))


def test_ignored_voxels_are_no_class() -> None:
    case = tiny_case()
    case.labels[0, 0, 0] = -1
    assert number_of_classes([case], ()) == 2
    assert number_of_classes([case, replace(case, labels=None)], ("a", "b")) == 2


@pytest.mark.parametrize("ignored", [0, 2, 255, 65535])
def test_the_ignored_label_becomes_minus_one_and_the_others_keep_their_numbers(
    tmp_path: Path, ignored: int
) -> None:
    scans, labels = write_pairs(tmp_path, count=1)
    truth = np.random.default_rng(0).choice([0, 1, 3, ignored], (8, 12, 12)).astype(np.uint16)
    rewrite(labels / "s0.ome.tif", truth, **OME)
    (case,) = load(scans, labels, data={"ignore_label": ignored})
    np.testing.assert_array_equal(case.labels == -1, truth == ignored)
    np.testing.assert_array_equal(case.labels[truth != ignored], truth[truth != ignored])
    assert case.labels.dtype == np.int32


def test_labels_that_are_all_ignored_are_refused(tmp_path: Path) -> None:
    scans, labels = write_pairs(tmp_path)
    rewrite(labels / "s1.ome.tif", np.full((8, 12, 12), 7, np.uint8), **OME)
    with pytest.raises(FormatError, match=r"^s1: every voxel has the label 7, which ignore_label"):
        load(scans, labels, data={"ignore_label": 7})


def test_an_ignored_fraction_is_still_no_label(tmp_path: Path) -> None:
    scans, labels = write_pairs(tmp_path, count=1)
    truth = tiny_case().labels.astype(np.float32)
    truth[0, 0, :2] = 9, np.nan
    rewrite(labels / "s0.ome.tif", truth, **OME)
    with pytest.raises(FormatError, match=r"^s0: labels must be whole numbers"):
        load(scans, labels, data={"ignore_label": 9})


def test_cases_come_from_volumes_in_memory_too() -> None:
    case = tiny_case()
    scan = Volume.from_array(case.image * 5 + 3, case.geometry)
    pair = TrainingPair("layer", scan, Volume.from_array(case.labels, case.geometry))
    (found,) = load_cases([pair], tiny_settings(), Normalisation())
    assert abs(found.image.mean()) < 0.05
    np.testing.assert_array_equal(found.labels, case.labels)


def test_a_mismatch_is_told_before_a_voxel_is_read(tmp_path: Path) -> None:
    scans, labels = write_pairs(tmp_path)
    rewrite(labels / "s0.ome.tif", np.full((8, 12, 12), 0.5, np.float32), **OME)
    rewrite(labels / "s2.ome.tif", np.zeros((8, 12, 11), np.uint8), **OME)
    with pytest.raises(GeometryError, match=r"^s2: scan and labels must have one shape"):
        load(scans, labels)
