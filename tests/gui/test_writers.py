from __future__ import annotations

from pathlib import Path

import napari
import npe2
import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels, Layer

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.gui.layers import volume_layer
from napari_bayesseg.gui.reader import read_layers
from napari_bayesseg.gui.writers import write_image, write_labels
from napari_bayesseg.io.readers import read_volume

LABELS = np.random.default_rng(0).integers(0, 3, (4, 5, 6)).astype(np.uint8)
SPACING = {"scale": (2.0, 0.5, 0.25), "translate": (4.0, -1.0, 0.5), "units": ("um",) * 3}


def tuple_of(layer: Layer) -> tuple[object, dict[str, object]]:
    data, meta, _ = layer.as_layer_data_tuple()
    return data, meta


@pytest.mark.parametrize("suffix", [".ome.tif", ".tif", ".nii.gz"])
def test_labels_keep_their_voxel_size_and_unit(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mask{suffix}"
    layer = Labels(LABELS, **{**SPACING, "translate": (0, 0, 0)})
    assert write_labels(str(path), *tuple_of(layer)) == [str(path)]
    written = read_volume(path)
    np.testing.assert_array_equal(written.read(Roi.whole(written.shape)), LABELS)
    np.testing.assert_allclose(written.spec.geometry.spacing, SPACING["scale"], rtol=1e-6)
    assert written.spec.geometry.unit == "micrometer"


def test_a_rotated_image_lies_where_it_lay(tmp_path: Path) -> None:
    turn = np.deg2rad(20.0)
    matrix = np.eye(4)
    matrix[1:3, 1:3] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    matrix[:3, 3] = (1.0, 2.0, 3.0)
    geometry = Geometry.from_matrix(matrix @ np.diag([3.0, 0.5, 0.5, 1.0]), "millimeter")
    layer = Layer.create(*volume_layer(Volume.from_array(LABELS.astype(np.float32), geometry)))
    path = tmp_path / "turned.nii.gz"
    write_image(str(path), *tuple_of(layer))
    np.testing.assert_allclose(read_volume(path).spec.geometry.matrix, geometry.matrix, atol=1e-5)


def test_a_flat_image_becomes_one_slice(tmp_path: Path) -> None:
    path = tmp_path / "flat.ome.tif"
    write_labels(str(path), *tuple_of(Labels(LABELS[0])))
    assert read_volume(path).shape == (1, 5, 6)


def test_the_source_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, LABELS, photometric="minisblack")
    layer = Layer.create(*read_layers(path)[0])
    with pytest.raises(FormatError, match="never written to"):
        write_image(str(path), *tuple_of(layer))
    np.testing.assert_array_equal(tifffile.imread(path), LABELS)


def test_what_no_file_of_ours_can_hold_is_refused(tmp_path: Path) -> None:
    colour = Image(np.zeros((5, 6, 3), np.uint8), rgb=True)
    with pytest.raises(FormatError, match="colour"):
        write_image(str(tmp_path / "colour.tif"), *tuple_of(colour))
    with pytest.raises(FormatError, match="4 axes"):
        write_image(str(tmp_path / "many.tif"), *tuple_of(Image(np.zeros((2, 2, 5, 6)))))


def test_napari_saves_with_it(tmp_path: Path) -> None:
    npe2.PluginManager.instance().discover()
    path = tmp_path / "saved.ome.tif"
    layer = Labels(LABELS, **SPACING)
    assert layer.save(str(path), plugin="napari-bayesseg") == [str(path)]
    layers = napari.components.LayerList([layer])
    assert layers.save(str(tmp_path / "again.nii.gz"), plugin="napari-bayesseg")
    np.testing.assert_allclose(
        read_volume(tmp_path / "again.nii.gz").spec.geometry.translation,
        SPACING["translate"],
        atol=1e-6,
    )
