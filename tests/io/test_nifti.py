from __future__ import annotations

import gzip
import pickle

import numpy as np
import pytest

from napari_bayesseg.core.errors import BayesSegWarning, FormatError
from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.io import inflate, nifti_header
from napari_bayesseg.io.lazy import MappedArray
from napari_bayesseg.io.readers import read_volume

nib = pytest.importorskip("nibabel", reason="NIfTI needs the extra `medical`")

AFFINE = np.array([[-0.9, 0.1, 0, 30], [0.05, 0.8, 0.2, -40], [0, -0.1, 2.5, 7], [0, 0, 0, 1.0]])
ROTATED = np.array([[0, -2, 0, 5.0], [1.5, 0, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]])
P = [2, 1, 0, 3]


def save(path, values, affine=AFFINE, kind=nib.Nifti1Image, unit="mm", **codes):
    """Write (Z, Y, X) values; `codes` may set sform_code and qform_code."""
    image = kind(np.asarray(values).T, affine)
    image.header.set_xyzt_units(unit)
    for name, code in codes.items():
        image.header[name] = code
    nib.save(image, path)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_values_and_world_positions_are_those_of_nibabel(tmp_path, scan, suffix, kind, dtype):
    path = save(tmp_path / f"scan{suffix}", scan.astype(dtype), kind=kind)
    volume = read_volume(path)
    reference = nib.load(path)
    assert volume.spec.dtype == dtype
    assert volume.spec.geometry.unit == "millimeter"
    np.testing.assert_array_equal(volume.data[...], np.asarray(reference.dataobj).T)
    for z, y, x in ((0, 0, 0), (1, 2, 3), (5, 16, 22)):
        world = volume.spec.geometry.matrix @ [z, y, x, 1]
        expected = reference.affine @ [x, y, z, 1]
        np.testing.assert_array_equal(world[[2, 1, 0]], expected[:3])
        assert volume.data[z, y, x] == reference.dataobj[x, y, z]


def test_plain_files_are_mapped_and_pickle_small(tmp_path, scan):
    volume = read_volume(save(tmp_path / "scan.nii", np.tile(scan, (20, 1, 1))))
    data = volume.data
    while not isinstance(data, MappedArray):
        data = data._base
    assert len(pickle.dumps(volume.data)) < 3000
    roi = Roi((1, 2, 3), (4, 9, 11))
    np.testing.assert_array_equal(volume.read(roi), np.tile(scan, (20, 1, 1))[roi.slices])


def test_large_packed_files_go_through_a_temporary_file(tmp_path, scan, monkeypatch):
    monkeypatch.setattr(inflate, "IN_MEMORY_BYTES", 100)
    volume = read_volume(save(tmp_path / "scan.nii.gz", scan))
    np.testing.assert_array_equal(volume.data[...], scan)


@pytest.mark.parametrize(("slope", "intercept"), [(0.5, -1024.0), (2.0, 0.0), (1.0, 3.0)])
def test_stored_values_are_scaled(tmp_path, scan, slope, intercept):
    image = nib.Nifti1Image(np.zeros(scan.shape[::-1], np.int16), AFFINE)
    image.header.set_slope_inter(slope, intercept)
    header = image.header
    header["vox_offset"], header["magic"] = 352, b"n+1"
    stored = (scan // 4).astype("<i2")
    (tmp_path / "scan.nii").write_bytes(header.binaryblock + bytes(4) + stored.tobytes())
    volume = read_volume(tmp_path / "scan.nii")
    assert volume.spec.dtype == "float32"
    assert "scaled" in " ".join(volume.spec.notes)
    np.testing.assert_array_equal(
        volume.data[...], np.asarray(nib.load(tmp_path / "scan.nii").dataobj).T
    )


def test_big_endian_files_are_read(tmp_path, scan):
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(">u2")
    header.set_data_shape(scan.T.shape)
    header.set_sform(AFFINE, 1)
    nib.save(nib.Nifti1Image(scan.T, AFFINE, header), tmp_path / "scan.nii")
    assert (tmp_path / "scan.nii").read_bytes()[:4] == b"\0\0\1\\"
    volume = read_volume(tmp_path / "scan.nii")
    assert volume.spec.dtype == "uint16"
    np.testing.assert_array_equal(volume.data[...], scan)


def test_sform_wins_over_a_different_qform(tmp_path, scan):
    image = nib.Nifti1Image(scan.T, AFFINE)
    image.set_sform(AFFINE, 1)
    image.set_qform(ROTATED, 1)
    nib.save(image, tmp_path / "scan.nii")
    with pytest.warns(BayesSegWarning, match="qform and sform"):
        volume = read_volume(tmp_path / "scan.nii")
    np.testing.assert_allclose(volume.spec.geometry.matrix, AFFINE[P][:, P], rtol=1e-7)


def test_qform_alone_is_used(tmp_path, scan):
    image = nib.Nifti1Image(scan.T, None)
    image.set_qform(ROTATED, 1)
    image.header["sform_code"] = 0
    nib.save(image, tmp_path / "scan.nii")
    assert nib.load(tmp_path / "scan.nii").header["sform_code"] == 0
    volume = read_volume(tmp_path / "scan.nii")
    np.testing.assert_allclose(volume.spec.geometry.matrix, ROTATED[P][:, P], atol=1e-6)


def test_without_any_code_pixdim_is_used_and_told(tmp_path, scan):
    image = nib.Nifti1Image(scan.T, None)
    image.header.set_zooms((0.5, 0.6, 3))
    image.header["sform_code"] = image.header["qform_code"] = 0
    nib.save(image, tmp_path / "scan.nii")
    with pytest.warns(BayesSegWarning, match="pixdim"):
        volume = read_volume(tmp_path / "scan.nii")
    assert volume.spec.geometry.spacing == pytest.approx((3, 0.6, 0.5))
    assert volume.spec.geometry.translation == (0, 0, 0)


@pytest.mark.parametrize(
    ("unit", "name"),
    [("mm", "millimeter"), ("micron", "micrometer"), ("meter", "meter"), ("unknown", "millimeter")],
)
def test_units(tmp_path, scan, unit, name):
    spec = read_volume(save(tmp_path / "scan.nii", scan, unit=unit)).spec
    assert spec.geometry.unit == name
    assert any("no unit" in note for note in spec.notes) == (unit == "unknown")


def test_a_volume_of_a_series_can_be_chosen(tmp_path, rng):
    values = rng.integers(0, 99, (3, 4, 5, 6), dtype=np.uint8)  # (T, Z, Y, X)
    path = save(tmp_path / "scan.nii.gz", values)
    with pytest.raises(FormatError, match=r"axes='XYZ0'"):
        read_volume(path)
    volume = read_volume(path, axes="XYZ2")
    np.testing.assert_array_equal(volume.data[...], values[2])
    np.testing.assert_allclose(volume.spec.geometry.matrix, AFFINE[P][:, P], rtol=1e-7)


def test_a_fourth_axis_of_length_one_is_dropped(tmp_path, scan):
    np.testing.assert_array_equal(
        read_volume(save(tmp_path / "scan.nii", scan[None])).data[...], scan
    )


def test_a_2d_image_has_one_plane(tmp_path, scan):
    assert read_volume(save(tmp_path / "scan.nii", scan[0])).shape == (1, 17, 23)


def test_a_colour_of_rgb_voxels_can_be_chosen(tmp_path, rng):
    values = rng.integers(0, 255, (4, 5, 6, 3), dtype=np.uint8)
    packed = np.ascontiguousarray(values.transpose(2, 1, 0, 3)).view(
        np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    )[..., 0]
    nib.save(nib.Nifti1Image(packed, AFFINE), tmp_path / "scan.nii")
    with pytest.raises(FormatError, match=r"colour.*axes='0XYZ'"):
        read_volume(tmp_path / "scan.nii")
    volume = read_volume(tmp_path / "scan.nii", axes="1XYZ")
    np.testing.assert_array_equal(volume.data[...], values[..., 1])


def test_the_named_file_is_read_not_its_neighbour(tmp_path, scan):
    save(tmp_path / "scan.nii.gz", scan)
    with pytest.raises(FormatError, match="does not exist"):
        read_volume(tmp_path / "scan.nii")


def test_the_install_line_is_named_without_nibabel(tmp_path, scan, monkeypatch):
    path = save(tmp_path / "scan.nii", scan)

    def absent():
        raise FormatError('pip install "napari-bayesseg[medical]"')

    monkeypatch.setattr(nifti_header, "require_nibabel", absent)
    with pytest.raises(FormatError, match=r"^scan.nii: .*napari-bayesseg\[medical\]"):
        read_volume(path)


def test_importing_nibabel_fails_with_the_install_line(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "nibabel", None)
    with pytest.raises(FormatError, match=r"pip install .*medical"):
        nifti_header.require_nibabel()


def test_a_flipped_bit_in_a_packed_file_is_noticed(tmp_path, scan):
    path = save(tmp_path / "scan.nii.gz", scan)
    content = bytearray(gzip.decompress(path.read_bytes()))
    packed = bytearray(gzip.compress(bytes(content), 0))  # stored, so only the checksum tells
    packed[len(packed) // 2] ^= 1
    path.write_bytes(packed)
    with pytest.raises(FormatError, match=r"damaged.*CRC"):
        read_volume(path)


def test_real_ct_lies_on_its_source(data_folder):
    for path in sorted((data_folder / "spleen_ct").glob("*.nii.gz")):
        volume, reference = read_volume(path), nib.load(path)
        np.testing.assert_array_equal(volume.spec.geometry.matrix[P][:, P], reference.affine)
        np.testing.assert_array_equal(volume.data[...], np.asarray(reference.dataobj).T)


def test_scan_and_label_have_one_geometry(data_folder):
    files = sorted((data_folder / "spleen_ct").glob("*.nii.gz"))
    geometries: set[Geometry] = {read_volume(file).spec.geometry for file in files}
    assert len(files) == 2
    assert len(geometries) == 1
