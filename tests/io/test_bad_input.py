"""Bad input of every kind: refused in one clear line that names the file; sources unchanged."""

from __future__ import annotations

import importlib.util
import tracemalloc
import warnings
from pathlib import Path

import pytest

from napari_bayesseg.core.errors import BayesSegWarning, FormatError, GeometryError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.io.readers import read_volume

pytest.importorskip("nibabel", reason="NIfTI needs the extra `medical`")
_spec = importlib.util.spec_from_file_location("bad_files", Path(__file__).parent / "bad_files.py")
bad_files = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bad_files)


def read_whole(path: Path) -> None:
    volume = read_volume(path)
    volume.read(Roi.whole(volume.shape))


@pytest.mark.parametrize("name", bad_files.CASES)
def test_bad_input_is_refused_in_one_line(tmp_path, hashes, name):
    maker, words = bad_files.CASES[name]
    path = maker(tmp_path)
    before = hashes(tmp_path)
    tracemalloc.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesSegWarning)
        with pytest.raises((FormatError, GeometryError), match=words) as caught:
            read_whole(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24  # nothing near a forged size was allocated
    message = str(caught.value)
    assert message.startswith(f"{path.name}: ")
    assert "\n" not in message
    assert str(tmp_path) not in message or name == "missing"
    assert len(message) < 400
    assert hashes(tmp_path) == before
