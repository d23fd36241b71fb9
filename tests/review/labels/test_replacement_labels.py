from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.review.labels.replacement_labels import predicted_labels, runner_up_labels
from napari_bayesseg.review.labels.voxels import VoxelSet
from tests.results import write_result
from tests.review.cases import SHAPE, runner_up, write_random_result

BOX = Roi((1, 4, 5), (4, 60, 70))


def some_voxels(box: Roi = BOX) -> VoxelSet:
    return VoxelSet.from_mask(box, np.random.default_rng(3).random(box.shape) > 0.4)


@pytest.mark.parametrize("classes", [("a", "b"), ("a", "b", "c"), ("a", "b", "c", "d", "e")])
def test_labels_are_the_two_most_probable_classes(tmp_path: Path, classes) -> None:
    result = write_random_result(tmp_path / "r.zarr", classes=classes)
    voxels = some_voxels()
    inside = voxels.mask()
    predicted, second = predicted_labels(result, voxels), runner_up_labels(result, voxels)
    np.testing.assert_array_equal(predicted, result.labels[...][BOX.slices][inside])
    np.testing.assert_array_equal(second, runner_up(result)[BOX.slices][inside])
    assert predicted.dtype == second.dtype == result.labels.dtype


def test_pieces_of_many_chunks_fit_together(tmp_path: Path, monkeypatch) -> None:
    result = write_random_result(tmp_path / "r.zarr")
    expected = runner_up_labels(result, some_voxels())

    class Chunked:
        chunks = (1, 2, 7, 11)

        def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
            assert all(s.stop - s.start <= n for s, n in zip(key[1:], (2, 7, 11), strict=True))
            return stored[key]

    stored = result.mean_probability
    monkeypatch.setattr(type(result), "mean_probability", Chunked())
    np.testing.assert_array_equal(runner_up_labels(result, some_voxels()), expected)


def test_among_equals_the_lowest_class_comes_first(tmp_path: Path) -> None:
    probability = np.zeros((4, 1, 1, 4))
    for x, values in enumerate([(0.25,) * 4, (0.4, 0.2, 0.2, 0.2), (0, 0.5, 0, 0.5), (0, 0, 0, 1)]):
        probability[:, 0, 0, x] = values
    result = write_result(tmp_path / "r.zarr", probability, {})
    voxels = VoxelSet.from_mask(Roi((0, 0, 0), (1, 1, 4)), np.ones((1, 1, 4), bool))
    assert runner_up_labels(result, voxels).tolist() == [1, 1, 3, 0]


def test_a_damaged_result_is_told(tmp_path: Path) -> None:
    result = write_random_result(tmp_path / "r.zarr")
    for name, read in (("labels", predicted_labels), ("mean_probability", runner_up_labels)):
        store = ResultStore.open(result.path)
        for file in store._chunk_files(store.array(name), Roi.whole(SHAPE)):
            content = file.read_bytes()
            file.write_bytes(content[: len(content) // 2])
        with pytest.raises(StoreError, match=f"{name} can't be read"):
            read(result, some_voxels())
        for file in store._chunk_files(store.array(name), Roi.whole(SHAPE)):
            file.unlink()
        result = write_random_result(tmp_path / f"{name}.zarr")


def test_the_runner_up_of_probabilities_in_fewer_bits(tmp_path: Path) -> None:
    result = write_random_result(tmp_path / "r.zarr", store_dtype="uint8")
    box = Roi((0, 3, 5), (5, 60, 130))
    voxels = VoxelSet.from_mask(box, np.ones(box.shape, bool))
    found = runner_up_labels(result, voxels).reshape(box.shape)
    top = np.sort(np.asarray(result.mean_probability)[(..., *box.slices)], axis=0)
    is_clear = top[-2] - top[-3] > 1 / 254
    assert is_clear.mean() > 0.5
    exact = write_random_result(tmp_path / "exact.zarr")
    np.testing.assert_array_equal(found[is_clear], runner_up(exact)[box.slices][is_clear])
