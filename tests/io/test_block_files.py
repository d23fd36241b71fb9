from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.io.block_files import block_hash, chunk_files, sync


@pytest.mark.parametrize("shape", [(9, 8, 7), (2, 9, 8, 7)])
@pytest.mark.parametrize("box", [Roi((0, 0, 0), (9, 8, 7)), Roi((4, 0, 3), (5, 8, 6))])
def test_names_the_files_that_a_box_is_written_to(
    tmp_path: Path, shape: tuple[int, ...], box: Roi
) -> None:
    chunks = (*[1] * (len(shape) - 3), 4, 8, 3)
    root = zarr.create_group(tmp_path)
    array = root.create_array("some/where", shape=shape, chunks=chunks, dtype="u1")
    array[(..., *box.slices)] = 1
    written = {path for path in (tmp_path / "some/where/c").rglob("*") if path.is_file()}
    assert set(chunk_files(tmp_path, array, box)) == written


def test_the_hash_is_that_of_names_and_bytes_in_their_order() -> None:
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3).T, "b": np.uint8([1, 2])}
    expected = hashlib.sha256(b"a" + arrays["a"].tobytes() + b"b" + b"\x01\x02").hexdigest()
    assert block_hash(arrays) == expected
    assert block_hash(dict(reversed(arrays.items()))) != expected


def test_file_and_folder_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"1")
    seen = []
    monkeypatch.setattr(os, "fsync", lambda fd: seen.append(os.fstat(fd).st_ino))
    sync(file)
    assert seen == [file.stat().st_ino, tmp_path.stat().st_ino]


@pytest.mark.parametrize(("number", "is_told"), [(22, False), (5, True)])
def test_a_folder_that_cannot_be_synced_is_no_error_but_a_failing_disk_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, is_told: bool
) -> None:
    def fsync(_: int) -> None:
        raise OSError(number, os.strerror(number))

    (tmp_path / "f").touch()
    monkeypatch.setattr(os, "fsync", fsync)
    if is_told:
        with pytest.raises(OSError, match=os.strerror(number)):
            sync(tmp_path / "f")
    else:
        sync(tmp_path / "f")
