from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.io import readers
from napari_bayesseg.io.protocol import VolumeReader, VolumeWriter
from napari_bayesseg.io.readers import READERS, read_volume, reader_for
from napari_bayesseg.io.writers import WRITERS


class BrainReader:
    """A reader as another package would bring it."""

    name = "Brain"
    suffixes = (".brain",)

    def claims(self, path: Path) -> bool:
        return path.suffix == ".brain"

    def read(self, path: Path, axes: str | None) -> Volume:
        return Volume.from_array(np.ones((1, 2, 3)), name=str(axes))


@pytest.fixture
def entry_points(monkeypatch):
    """Return a function that declares the entry points there are."""

    def declare(*values: str):
        points = [EntryPoint(f"r{n}", value, readers._GROUP) for n, value in enumerate(values)]
        monkeypatch.setattr(readers, "entry_points", lambda group: points)
        readers.all_readers.cache_clear()

    yield declare
    readers.all_readers.cache_clear()


def test_formats_of_other_packages_are_read(tmp_path, entry_points, monkeypatch):
    monkeypatch.setattr(readers, "BrainReader", BrainReader, raising=False)
    entry_points("napari_bayesseg.io.readers:BrainReader")
    (tmp_path / "a.brain").write_text("x")
    assert read_volume(tmp_path / "a.brain", axes="ZYX").spec.name == "ZYX"


def test_our_own_readers_come_first(tmp_path, entry_points, monkeypatch):
    monkeypatch.setattr(BrainReader, "claims", lambda self, path: True)
    monkeypatch.setattr(readers, "BrainReader", BrainReader(), raising=False)
    entry_points("napari_bayesseg.io.readers:BrainReader")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 3), np.uint8))
    assert reader_for(tmp_path / "a.tif").name == "TIFF"


def test_an_entry_point_that_is_no_reader_is_named(tmp_path, entry_points):
    entry_points("pathlib:Path")
    (tmp_path / "a.brain").write_text("x")
    with pytest.raises(FormatError, match=r"r0.*VolumeReader"):
        read_volume(tmp_path / "a.brain")


def test_protocols_are_followed():
    assert all(isinstance(reader, VolumeReader) for reader in READERS)
    assert all(isinstance(writer, VolumeWriter) for writer in WRITERS)


def test_a_path_may_be_text_and_need_not_be_ascii(tmp_path):
    path = tmp_path / "\u7d30\u80de \u00b5.tif"
    tifffile.imwrite(path, np.zeros((2, 3), np.uint8))
    assert read_volume(str(path)).spec.name == "\u7d30\u80de \u00b5"
    assert read_volume(path).spec.source == path


def test_reading_loads_neither_torch_nor_napari():
    import subprocess
    import sys

    code = (
        "import sys, napari_bayesseg.io.readers, napari_bayesseg.io.writers\n"
        "print([name for name in ('torch', 'napari', 'qtpy', 'nibabel') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
