from __future__ import annotations

import zipfile

import numpy as np
import pytest

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.io.lazy import MappedArray
from napari_bayesseg.io.numpy_files import open_npy, open_npz

VALUES = np.random.default_rng(1).random((2, 3, 4, 5), dtype=np.float32)
KEYS = ("softmax",)


def test_npy_is_mapped(tmp_path):
    np.save(tmp_path / "a.npy", VALUES)
    stored = open_npy(tmp_path / "a.npy")
    assert isinstance(stored.data, MappedArray)
    assert stored.axes == "CZYX"
    np.testing.assert_array_equal(stored.data[1, :2], VALUES[1, :2])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_is_unpacked(tmp_path, save):
    save(tmp_path / "a.npz", VALUES)
    np.testing.assert_array_equal(open_npz(tmp_path / "a.npz", KEYS).data[...], VALUES)


def bad_files(folder):
    """Yield (path, words) for damaged files."""
    np.save(folder / "whole.npy", VALUES)
    np.savez_compressed(folder / "whole.npz", VALUES)
    npy, npz = (folder / "whole.npy").read_bytes(), (folder / "whole.npz").read_bytes()
    flipped = bytearray(npz)
    flipped[len(npz) // 2] ^= 0xFF
    cases = [
        ("truncated.npy", npy[:-3], "truncated"),
        ("short_header.npy", npy[:40], "damaged"),
        ("magic.npy", b"x" * 400, "no NumPy file"),
        ("forged.npy", npy.replace(b"(2, 3, 4, 5)", b"(2, 3, 4, 9)"), "truncated"),
        ("text_shape.npy", npy.replace(b"(2, 3, 4, 5)", b"('a', 4, 5) "), "no NumPy file"),
        ("negative.npy", npy.replace(b"(2, 3, 4, 5)", b"(-2, 3, 4,5)"), "at least one"),
        ("truncated.npz", npz[: len(npz) // 2], "damaged"),
        ("flipped.npz", bytes(flipped), "damaged"),
        ("text.npz", b"hello", "damaged"),
    ]
    for name, content, words in cases:
        (folder / name).write_bytes(content)
        yield folder / name, words
    np.savez(folder / "two.npz", a=VALUES, b=VALUES)
    yield folder / "two.npz", "it holds a, b"
    with zipfile.ZipFile(folder / "none.npz", "w") as archive:
        archive.writestr("readme.txt", "x")
    yield folder / "none.npz", "it holds none"
    with zipfile.ZipFile(folder / "forged.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", npy.replace(b"(2, 3, 4, 5), }", b"(2,3,9999999),}"))
    yield folder / "forged.npz", "forged"


def test_damaged_files_are_refused_with_their_name(tmp_path):
    for path, words in bad_files(tmp_path):
        with pytest.raises(FormatError, match=words) as caught:
            open_npz(path, KEYS) if path.suffix == ".npz" else open_npy(path)
        assert str(caught.value).startswith(f"{path.name}: ")
        assert "\n" not in str(caught.value)
