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
    check_refusal(path, words, hashes, is_absent=name == "missing")


@pytest.mark.parametrize("name", bad_files.NAMED)
def test_a_dataset_that_is_none_or_lies_elsewhere_is_refused_in_one_line(tmp_path, hashes, name):
    maker, words = bad_files.NAMED[name]
    path = maker(tmp_path)
    check_refusal(path, words, hashes, file="scan.h5")


def check_refusal(path, words, hashes, *, file=None, is_absent=False):
    folder = next(p for p in path.parents if p.is_dir())
    before = hashes(folder)
    tracemalloc.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesSegWarning)
        with pytest.raises((FormatError, GeometryError), match=words) as caught:
            read_whole(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24  # nothing near a forged size was allocated
    message = str(caught.value)
    assert message.startswith(f"{file or path.name}: ")
    assert "\n" not in message
    assert str(folder) not in message or is_absent
    assert len(message) < 400
    assert hashes(folder) == before
