from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import npe2
import numpy as np
import pytest
import tifffile
import zarr
from napari.layers import Image, Labels, Layer

from napari_bayesseg.core.errors import BayesSegWarning, FormatError, StoreError
from napari_bayesseg.gui.reader import get_reader
from napari_bayesseg.gui.scan_source import source_folder, volume_of
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.result import load_result
from napari_bayesseg.io.readers import read_volume
from tests.models import write_model

VOXELS = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)


@pytest.fixture
def tiff(tmp_path: Path) -> Path:
    path = tmp_path / "scan.ome.tif"
    units = {f"PhysicalSize{axis}Unit": "µm" for axis in "XYZ"}
    sizes = {"PhysicalSizeZ": 2.0, "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.25}
    tifffile.imwrite(path, VOXELS, metadata={"axes": "ZYX", **sizes, **units})
    return path


@pytest.mark.parametrize("as_text", [True, False])
def test_a_tiff_arrives_with_its_spacing(tiff: Path, as_text: bool) -> None:
    read = get_reader(str(tiff) if as_text else tiff)
    assert read is not None
    ((data, meta),) = read(str(tiff))
    np.testing.assert_array_equal(np.asarray(data), VOXELS)
    assert meta["scale"] == (2.0, 0.5, 0.25)
    assert meta["units"] == ("micrometer",) * 3


def test_napari_finds_this_reader_by_name(tiff: Path) -> None:
    manager = npe2.PluginManager.instance()
    manager.discover()
    readers = {reader.plugin_name for reader in manager.iter_compatible_readers(str(tiff))}
    assert "napari-bayesseg" in readers
    ((data, meta),) = npe2.read([str(tiff)], stack=False, plugin_name="napari-bayesseg")
    assert meta["axis_labels"] == ("z", "y", "x")
    assert data.shape == VOXELS.shape


def test_what_is_not_ours_is_declined(tmp_path: Path, tiff: Path) -> None:
    folder = tmp_path / "holiday"
    folder.mkdir()
    assert get_reader(str(folder)) is None
    assert get_reader([str(tiff), str(tiff)]) is None
    assert get_reader("https://example.org/scan.tif") is None


def test_a_damaged_file_is_told_about(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    path.write_bytes(b"II*\0 and then nothing")
    read = get_reader(path)
    assert read is not None
    with pytest.raises(FormatError, match=r"scan\.tif"):
        read(path)


def test_a_zarr_array_opens_as_a_scan(tmp_path: Path) -> None:
    path = tmp_path / "scan.zarr"
    zarr.create_array(path, data=VOXELS)
    read = get_reader(path)
    assert read is not None
    ((data, _),) = read(path)
    np.testing.assert_array_equal(np.asarray(data), VOXELS)


def test_an_hdf5_file_opens_with_each_of_its_volumes(tmp_path: Path) -> None:
    path = tmp_path / "patient.h5"
    with h5py.File(path, "w") as file:
        file["label"] = (VOXELS % 3).astype(np.uint8)
        file["raw/image"] = VOXELS.astype(np.float32)
        file["raw/plane"] = VOXELS[0]
        file["raw/image"].attrs["element_size_um"] = (2.0, 0.5, 0.25)
    image, labels = (Layer.create(*data) for data in get_reader(path)(path))
    assert [image.name, labels.name] == ["patient raw/image", "patient label"]
    assert (type(image), type(labels)) == (Image, Labels)
    assert tuple(image.scale) == (2.0, 0.5, 0.25)
    np.testing.assert_array_equal(np.asarray(labels.data), VOXELS % 3)
    volume = volume_of(image)
    assert volume.spec.source == path / "raw" / "image"
    assert source_folder(image) == tmp_path  # a result lies beside the file
    np.testing.assert_array_equal(read_volume(volume.spec.source).data[...], VOXELS)


def test_an_hdf5_file_with_one_volume_is_a_scan(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["volume"], file["plane"] = VOXELS, VOXELS[0]
    ((data, meta),) = npe2.read(
        [str(tmp_path / "a.h5")], stack=False, plugin_name="napari-bayesseg"
    )
    assert meta["name"] == "a"
    np.testing.assert_array_equal(np.asarray(data), VOXELS)


def test_a_result_finds_its_scan_in_an_hdf5_file_again(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"] = np.random.default_rng(0).normal(size=(8, 16, 16)).astype(np.float32)
        file["label"] = np.zeros((8, 16, 16), np.uint8)
    scan = tmp_path / "a.h5" / "image"
    model, out = write_model(tmp_path / "model"), tmp_path / "result.zarr"
    predict(scan, model, out, num_samples=2, device="cpu")
    result = load_result(out)
    assert result.record["scan"]["path"] == str(scan.resolve())
    assert result.checked_scan() is not None
    shown = get_reader(out)(out)[0]
    np.testing.assert_array_equal(np.asarray(shown[0]), read_volume(scan).data[...])
    with pytest.raises(StoreError, match="overlaps"):
        predict(scan, model, tmp_path / "a.h5", num_samples=2, device="cpu")


@pytest.fixture(scope="module")
def result_and_scan(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A real result: a small untrained network's on a scan of 16^3 voxels."""
    folder = tmp_path_factory.mktemp("result")
    scan = folder / "tiny.tif"
    noise = np.random.default_rng(0).normal(size=(16, 16, 16)).astype(np.float32)
    spacing = {"spacing": 2.0, "unit": "um", "axes": "ZYX"}
    tifffile.imwrite(scan, noise, imagej=True, resolution=(2.0, 2.0), metadata=spacing)
    model = write_model(folder / "model", num_classes=2)
    measures = ("mutual_information", "predictive_entropy")
    predict(scan, model, folder / "result.zarr", num_samples=2, measures=measures)
    return folder / "result.zarr", scan


def test_a_result_opens_as_scan_measures_and_labels(result_and_scan: tuple[Path, Path]) -> None:
    read = get_reader(result_and_scan[0])
    assert read is not None
    layers = [Layer.create(*layer) for layer in read(result_and_scan[0])]
    assert [(layer.name, layer._type_string, layer.visible) for layer in layers] == [
        ("tiny", "image", True),
        ("tiny: labels", "labels", True),
        ("mutual information (nat)", "image", True),
        ("predictive entropy (nat)", "image", False),
    ]
    assert {tuple(layer.scale) for layer in layers} == {(2.0, 0.5, 0.5)}
    assert {str(unit) for layer in layers for unit in layer.units} == {"micrometer"}
    assert layers[3].contrast_limits == pytest.approx([0.0, np.log(2.0)])
    stored = load_result(result_and_scan[0])
    np.testing.assert_array_equal(np.asarray(layers[3].data), stored.measure("predictive_entropy"))
    np.testing.assert_array_equal(np.asarray(layers[1].data), stored.labels)
    assert list(layers[1].features["class"]) == list(stored.class_names)


def test_a_result_without_its_scan_opens_and_says_so(
    result_and_scan: tuple[Path, Path], tmp_path: Path
) -> None:
    result, scan = result_and_scan
    copy = shutil.copytree(result, tmp_path / "copy.zarr")
    hidden = scan.rename(scan.with_name("elsewhere.tif"))
    try:
        read = get_reader(copy)
        assert read is not None
        with pytest.warns(BayesSegWarning, match="without its scan"):
            layers = read(copy)
    finally:
        hidden.rename(scan)
    assert len(layers) == 3
