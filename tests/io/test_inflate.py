from __future__ import annotations

import gc
import gzip
import io
import tempfile
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.io import inflate as module
from napari_bayesseg.io.inflate import inflate

VALUES = np.arange(3000, dtype="<u2").reshape(3, 10, 100)
PATH = Path("scan.nii.gz")


def stream(content: bytes) -> gzip.GzipFile:
    return gzip.GzipFile(fileobj=io.BytesIO(content))


def test_small_and_large_results_are_the_same(monkeypatch, tmp_path):
    packed = gzip.compress(VALUES.tobytes())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for limit in (2**30, 10):
        monkeypatch.setattr(module, "IN_MEMORY_BYTES", limit)
        data = inflate(PATH, stream(packed), VALUES.dtype, VALUES.shape, compressed=len(packed))
        np.testing.assert_array_equal(data[1:, 2:5], VALUES[1:, 2:5])
    assert len(list(tmp_path.iterdir())) == 1
    del data
    gc.collect()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limit", [2**30, 10])
def test_a_short_stream_is_refused_and_leaves_nothing(monkeypatch, tmp_path, limit):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(module, "IN_MEMORY_BYTES", limit)
    packed = gzip.compress(VALUES.tobytes()[:-1])
    with pytest.raises(FormatError, match=r"^scan.nii.gz: is truncated.*6000.*5999"):
        inflate(PATH, stream(packed), VALUES.dtype, VALUES.shape, compressed=len(packed))
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_forged_size_is_refused_before_anything_is_allocated():
    with pytest.raises(FormatError, match="1100 to 1"):
        inflate(PATH, io.BytesIO(), np.dtype("f8"), (10**5, 10**5, 10**3), compressed=10**6)


def test_a_temporary_disk_without_room_is_named(monkeypatch):
    monkeypatch.setattr(module, "IN_MEMORY_BYTES", 10)
    monkeypatch.setattr(module, "_SPARE_BYTES", 2**62)
    with pytest.raises(FormatError, match="TMPDIR"):
        inflate(PATH, io.BytesIO(), np.dtype("u1"), (100,), compressed=100)
