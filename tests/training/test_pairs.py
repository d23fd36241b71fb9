"""Pairs on disk: matched by name, and on one grid or refused by name."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from napari_bayesseg.core.errors import BayesSegWarning, FormatError, GeometryError
from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.io.writers import write_volume
from napari_bayesseg.training.pairs import TrainingPair, check_same_grid, folder_pairs
from tests.training.cases import OME, tiny_case, tiny_settings, write_pairs

CASE = tiny_case()


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    return folder


def test_pairs_have_one_name_and_any_suffixes_in_the_order_of_names(tmp_path: Path) -> None:
    scans = touch(tmp_path / "scans", ".hidden.tif", "notes.txt")
    labels = touch(tmp_path / "labels", "readme.md")
    case = tiny_case()
    for path in (scans / "b.ome.tif", labels / "a.tif", labels / "b.TIFF", scans / "c.tif"):
        tifffile.imwrite(path, case.image, metadata={"axes": "ZYX"})
    write_volume(scans / "a.nii.gz", case.image, case.geometry)
    zarr.save(labels / "c.zarr", case.labels)
    with h5py.File(scans / "d.h5", "w") as file:
        file["volume"] = case.image
    write_volume(labels / "d.nii", case.labels, case.geometry)
    pairs = folder_pairs(scans, labels, tiny_settings())
    names = [(p.name, p.scan.spec.source.name, p.labels.spec.source.name) for p in pairs]
    assert names == [
        ("a", "a.nii.gz", "a.tif"),
        ("b", "b.ome.tif", "b.TIFF"),
        ("c", "c.tif", "c.zarr"),
        ("d", "d.h5", "d.nii"),
    ]


@pytest.mark.parametrize("lonely", ["scans", "labels"])
def test_a_missing_partner_is_named_with_the_folder_that_lacks_it(
    tmp_path: Path, lonely: str
) -> None:
    folders = {name: touch(tmp_path / name, "a.tif") for name in ("scans", "labels")}
    (folders[lonely] / "b.tif").touch()
    lacking = folders["labels" if lonely == "scans" else "scans"]
    with pytest.raises(FormatError, match=f"^b: has no partner of that name in {lacking}$"):
        folder_pairs(folders["scans"], folders["labels"], tiny_settings())


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    scans = touch(tmp_path / "scans", "a.tif", "a.nii")
    with pytest.raises(FormatError, match=r"both a\.nii and a\.tif are named a"):
        folder_pairs(scans, scans, tiny_settings())


def test_one_file_each_is_a_pair_whatever_the_names(tmp_path: Path) -> None:
    scans, labels = write_pairs(tmp_path, count=2)
    (pair,) = folder_pairs(scans / "s1.ome.tif", labels / "s0.ome.tif", tiny_settings())
    assert (pair.name, pair.labels.spec.source.name) == ("s1", "s0.ome.tif")
    pairs = folder_pairs(scans / "s1.ome.tif", labels / "s1.ome.tif", tiny_settings())
    assert [pair.name for pair in pairs] == ["s1"]
    with pytest.raises(FormatError, match="scans must be a folder of volumes"):
        folder_pairs(scans / "s1.ome.tif", labels, tiny_settings())


@pytest.mark.parametrize("content", [(), ("notes.txt",), None])
def test_folders_without_a_volume_are_refused(tmp_path: Path, content) -> None:
    scans, _ = write_pairs(tmp_path)
    if content is None:
        place, words = tmp_path / "nowhere", "there is no such folder"
    else:
        place, words = touch(tmp_path / "empty", *content), r"no volume of a known format.*\.h5"
    with pytest.raises(FormatError, match=words):
        folder_pairs(scans, place, tiny_settings())


def test_a_file_that_is_no_volume_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(FormatError, match="scans must be a folder of volumes, or scans and labels"):
        folder_pairs(tmp_path / "a.txt", tmp_path, tiny_settings())


# Scans without labels


def test_ua_mt_takes_scans_without_labels(tmp_path: Path) -> None:
    scans, labels = write_pairs(tmp_path)
    (labels / "s1.ome.tif").unlink()
    pairs = folder_pairs(scans, labels, tiny_settings("ua-mt"))
    assert [(pair.name, pair.labels is None) for pair in pairs] == [
        ("s0", False),
        ("s1", True),
        ("s2", False),
    ]
    with pytest.raises(FormatError, match=r"^s1: has no partner"):
        folder_pairs(scans, labels, tiny_settings("bcnn"))


def test_ua_mt_says_that_every_scan_has_labels(tmp_path: Path) -> None:
    with pytest.warns(BayesSegWarning, match="every scan has labels"):
        assert len(folder_pairs(*write_pairs(tmp_path), tiny_settings("ua-mt"))) == 3


def test_ua_mt_needs_a_label_and_no_label_without_a_scan(tmp_path: Path) -> None:
    scans, labels = write_pairs(tmp_path)
    for path in labels.iterdir():
        path.rename(labels / f"other_{path.name}")
    with pytest.raises(FormatError, match=f"^other_s0: has no partner of that name in {scans}$"):
        folder_pairs(scans, labels, tiny_settings("ua-mt"))


# HDF5


def write_hdf5(folder: Path, **names: tuple[str, ...]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, datasets in names.items():
        with h5py.File(folder / f"{name}.h5", "w") as file:
            for dataset in datasets:
                file[dataset] = CASE.labels if "label" in dataset else CASE.image
    return folder


def test_one_folder_of_hdf5_files_holds_scans_and_labels(tmp_path: Path) -> None:
    folder = write_hdf5(tmp_path / "both", a=("image", "label"), b=("image", "label", "raw"))
    for place, count in ((folder, 2), (folder / "b.h5", 1)):
        pairs = folder_pairs(place, place, tiny_settings())
        assert len(pairs) == count
        whole = Roi.whole(CASE.image.shape)
        for pair in pairs:
            np.testing.assert_array_equal(pair.scan.read(whole), CASE.image)
            np.testing.assert_array_equal(pair.labels.read(whole), CASE.labels)


def test_datasets_are_named_in_the_settings(tmp_path: Path) -> None:
    folder = write_hdf5(tmp_path / "both", a=("volumes/raw", "volumes/labels", "volumes/other"))
    named = tiny_settings(data={"scan_dataset": "volumes/raw", "label_dataset": "volumes/labels"})
    (pair,) = folder_pairs(folder, folder, named)
    np.testing.assert_array_equal(pair.labels.read(Roi.whole((8, 12, 12))), CASE.labels)
    with pytest.raises(FormatError, match=r"^a: a\.h5 holds no dataset 'label' with the labels"):
        folder_pairs(folder, folder, tiny_settings(data={"scan_dataset": "volumes/raw"}))
    with pytest.raises(FormatError, match=r"^a: a\.h5 holds no dataset 'image' with the scan"):
        folder_pairs(folder, folder, tiny_settings(data={"label_dataset": "volumes/labels"}))


def test_a_file_without_labels_is_unlabelled_for_ua_mt_and_refused_by_others(
    tmp_path: Path,
) -> None:
    folder = write_hdf5(tmp_path / "both", a=("image", "label"), b=("image",))
    pairs = folder_pairs(folder, folder, tiny_settings("ua-mt"))
    assert [pair.labels is None for pair in pairs] == [False, True]
    with pytest.raises(FormatError, match=r"^b: b\.h5 holds no dataset 'label'"):
        folder_pairs(folder, folder, tiny_settings())
    (folder / "a.h5").unlink()
    with pytest.raises(FormatError, match="not one scan has labels"):
        folder_pairs(folder, folder, tiny_settings("ua-mt"))


def test_in_two_folders_the_only_dataset_will_do(tmp_path: Path) -> None:
    scans = write_hdf5(tmp_path / "scans", a=("raw",), b=("image", "raw"))
    labels = write_hdf5(tmp_path / "labels", a=("my_label",), b=("label",))
    assert len(folder_pairs(scans, labels, tiny_settings())) == 2
    write_hdf5(scans, a=("raw", "raw2"))
    with pytest.raises(FormatError, match=r"^a\.h5: holds 2 datasets.*raw .*raw2 "):
        folder_pairs(scans, labels, tiny_settings())


def test_a_file_that_is_no_hdf5_is_not_scan_and_labels_at_once(tmp_path: Path) -> None:
    scans, _ = write_pairs(tmp_path)
    with pytest.raises(FormatError, match=r"^s0: s0\.ome\.tif can't be scan and labels at once"):
        folder_pairs(scans, scans, tiny_settings())


def test_axes_are_those_of_scan_and_labels_which_have_no_channels(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"] = np.stack([CASE.image, CASE.image + 1]).T  # x, y, z, channel
        file["label"] = CASE.labels.T
    settings = tiny_settings(data={"axes": "XYZ1"})
    (pair,) = folder_pairs(tmp_path / "a.h5", tmp_path / "a.h5", settings)
    np.testing.assert_array_equal(pair.scan.read(Roi.whole((8, 12, 12))), CASE.image + 1)
    np.testing.assert_array_equal(pair.labels.read(Roi.whole((8, 12, 12))), CASE.labels)


# One grid


def turned(degrees: float = 20.0, origin: tuple[float, ...] = (30.0, -20.0, 7.0)) -> Geometry:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.diag([2.0, 0.5, 0.5, 1.0])
    matrix[1:3, 1:3] = 0.5 * np.array([[c, -s], [s, c]])
    matrix[:3, 3] = origin
    return Geometry.from_matrix(matrix, "millimeter")


MIRRORED = Geometry.from_matrix(turned().matrix @ np.diag([1.0, 1.0, -1.0, 1.0]), "millimeter")


@pytest.mark.parametrize(
    ("geometry", "words"),
    [
        (turned(21), "one orientation"),
        (MIRRORED, "one orientation"),
        (Geometry.from_spacing((2.0, 0.5, 0.5), (30.0, -20.0, 7.0), "millimeter"), "orientation"),
        (turned(origin=(30.0, -20.0, 7.3)), r"one origin; .* is \(0\.0, 0\.21, 0\.56\) voxels"),
        (turned(origin=(0.0, 0.0, 0.0)), "one origin"),
    ],
    ids=["turned", "mirrored", "upright", "shifted", "at zero"],
)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti_labels_that_lie_elsewhere_are_refused(
    tmp_path: Path, suffix: str, geometry: Geometry, words: str
) -> None:
    for name, labels in (("a", turned()), ("b", geometry)):
        for part, values, place in (
            ("scans", CASE.image, turned()),
            ("labels", CASE.labels.astype(np.int16), labels),
        ):
            (tmp_path / part).mkdir(exist_ok=True)
            write_volume(tmp_path / part / f"{name}{suffix}", values, place)
    first, second = folder_pairs(tmp_path / "scans", tmp_path / "labels", tiny_settings())
    check_same_grid(first)
    with pytest.raises(GeometryError, match=f"^b: .*{words}"):
        check_same_grid(second)


def test_a_rounded_affine_is_the_same_place() -> None:
    near = Geometry.from_matrix(np.round(turned().matrix, 4), "millimeter")
    check_same_grid(pair_of(turned(), near))


def pair_of(scan: Geometry, labels: Geometry) -> TrainingPair:
    return TrainingPair(
        "b", Volume.from_array(CASE.image, scan), Volume.from_array(CASE.labels, labels)
    )


def test_layers_that_lie_elsewhere_are_refused() -> None:
    upright = Geometry.from_spacing((2.0, 0.5, 0.5), unit="millimeter")
    moved = Geometry.from_spacing((2.0, 0.5, 0.5), (0.0, 5.0, 0.0), "millimeter")
    check_same_grid(pair_of(upright, upright))
    with pytest.raises(GeometryError, match=r"^b: .*one origin; .* \(0\.0, 10\.0, 0\.0\) voxels"):
        check_same_grid(pair_of(upright, moved))


def test_tiff_labels_with_a_spacing_but_no_place_take_the_scans(tmp_path: Path) -> None:
    """OME-TIFF keeps spacing, but has no place for a direction."""
    geometry = Geometry.from_matrix(turned().matrix, "micrometer")
    (tmp_path / "scans").mkdir()
    (tmp_path / "labels").mkdir()
    write_volume(tmp_path / "scans" / "a.nii", CASE.image, geometry)
    tifffile.imwrite(tmp_path / "labels" / "a.ome.tif", CASE.labels.astype(np.uint8), metadata=OME)
    (pair,) = folder_pairs(tmp_path / "scans", tmp_path / "labels", tiny_settings())
    check_same_grid(pair)
    assert pair.labels.spec.geometry.unit == "micrometer"
