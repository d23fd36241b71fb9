from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.inference.result import Result
from napari_bayesseg.session.background import ThreadBackground
from napari_bayesseg.session.voxel_reader import VoxelReader
from tests.session.hearing import Heard
from tests.session.members import import_members, made_members

TIMEOUT = 60
VOXEL = (4, 13, 20)


@pytest.fixture
def result(tmp_path: Path) -> Result:
    return import_members(tmp_path, made_members())


def test_a_voxel_is_read_in_the_background_and_its_neighbour_at_once(
    result: Result, background: ThreadBackground
) -> None:
    reader = VoxelReader(result, background)
    heard = Heard(reader)
    reader.ask(VOXEL)
    assert heard["read"] == []
    assert background.drain(TIMEOUT)
    reader.ask((4, 12, 20))
    for voxel, reading in zip((VOXEL, (4, 12, 20)), heard["read"], strict=True):
        assert reading.position == voxel
        probabilities = np.asarray(result.mean_probability)[(slice(None), *voxel)]
        np.testing.assert_array_equal(reading.probabilities, probabilities)
        assert set(reading.measures) == {"mutual_information", "standard_deviation"}
        for name, value in reading.measures.items():
            assert value == np.asarray(result.array(name))[voxel]
    reader.close()


def test_the_newest_voxel_counts(result: Result, background: ThreadBackground) -> None:
    reader = VoxelReader(result, background)
    heard = Heard(reader)
    reader.ask((0, 0, 0))
    reader.ask(VOXEL)
    assert background.drain(TIMEOUT)
    assert [reading.position for reading in heard["read"]] == [VOXEL]
    heard.forget()
    reader.ask((0, 1, 0))
    reader.ask((16, 0, 0))  # outside
    reader.ask(None)
    assert background.drain(TIMEOUT)
    assert heard["read"][-1] is None
    assert len(heard["read"]) <= 2
    reader.close()


def test_a_damaged_chunk_is_no_reading_and_no_fault(
    result: Result, background: ThreadBackground
) -> None:
    for chunk in (result.path / "mean_probability" / "c").rglob("*"):
        if chunk.is_file():
            chunk.write_bytes(b"nonsense")
    reader = VoxelReader(Result(result._store), background)
    heard = Heard(reader)
    reader.ask(VOXEL)
    assert background.drain(TIMEOUT)
    assert heard["read"] == [None]
    reader.close()
    shutil.rmtree(result.path)
