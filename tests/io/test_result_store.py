from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaozarrs
import zarr

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.io import result_store
from napari_bayesseg.io.result_store import ResultStore, is_result_store
from napari_bayesseg.io.store_layout import StoreLayout

MEASURES = {"predictive_entropy": "nat", "variation_ratio": "share of draws"}
LAYOUT = StoreLayout(
    shape=(6, 9, 10),
    block_shape=(4, 9, 5),
    grid=(2, 1, 2),
    geometry=Geometry.from_spacing((2.0, 0.5, 0.25), (1.0, 2.0, 3.0), unit="micrometer"),
    class_names=("pore", "solid"),
    measures=MEASURES,
)
RECORD = {"run_id": "a" * 64, "measures": list(MEASURES)}
CORES = {
    0: Roi((0, 0, 0), (4, 9, 5)),
    1: Roi((0, 0, 5), (4, 9, 10)),
    2: Roi((4, 0, 0), (6, 9, 5)),
    3: Roi((4, 0, 5), (6, 9, 10)),
}


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore.create(tmp_path / "r.zarr", LAYOUT, RECORD)


def arrays(core: Roi, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    probability = rng.random((2, *core.shape), dtype=np.float32)
    return {
        "labels": rng.integers(0, 2, core.shape).astype(np.uint8),
        "mean_probability": probability,
        **{name: rng.random(core.shape, dtype=np.float32) for name in MEASURES},
    }


def write(store: ResultStore, *indices: int) -> None:
    for index in indices:
        store.write_block(index, CORES[index], arrays(CORES[index], index), "cpu")


def chunks(store: ResultStore) -> Iterator[Path]:
    return (path for path in sorted(store.path.rglob("c/**/*")) if path.is_file())


def test_the_metadata_is_valid_ome_zarr(store: ResultStore) -> None:
    group = zarr.open_group(store.path, mode="r")
    yaozarrs.validate_zarr_store(group)
    for name in ("labels", "labels/predicted", *(f"measures/{name}" for name in MEASURES)):
        yaozarrs.validate_zarr_store(zarr.open_group(store.path / name, mode="r"))


def test_every_image_carries_the_place_of_the_scan(store: ResultStore) -> None:
    for name in ("", "labels/predicted", "measures/variation_ratio"):
        ome = zarr.open_group(store.path / name, mode="r").attrs["ome"]
        (multiscale,) = ome["multiscales"]
        assert [axis.get("unit") for axis in multiscale["axes"]][-3:] == ["micrometer"] * 3
        scale, translation = multiscale["datasets"][0]["coordinateTransformations"]
        assert scale["scale"][-3:] == [2.0, 0.5, 0.25]
        assert translation["translation"][-3:] == [1.0, 2.0, 3.0]
    channels = zarr.open_group(store.path, mode="r").attrs["ome"]["omero"]["channels"]
    assert [channel["label"] for channel in channels] == ["pore", "solid"]
    units = {
        name: zarr.open_group(store.path / "measures" / name).attrs["unit"] for name in MEASURES
    }
    assert units == MEASURES


def test_what_is_not_processed_is_nan_and_never_zero(store: ResultStore) -> None:
    write(store, 1)
    for name in ("mean_probability", *MEASURES):
        values = np.asarray(store.array(name))
        inside = (..., *CORES[1].slices)
        assert np.isfinite(values[inside]).all()
        assert np.isnan(values).sum() == values.size - values[inside].size
    assert not np.asarray(store.array("labels"))[CORES[0].slices].any()


def test_blocks_read_back_and_are_marked(store: ResultStore) -> None:
    write(store, 0, 3)
    for index in (0, 3):
        for name, values in store.read_block(CORES[index]).items():
            np.testing.assert_array_equal(values, arrays(CORES[index], index)[name])
    assert np.asarray(store.array("block_mask")).tolist() == [[[1, 0]], [[0, 1]]]
    assert sorted(store.ledger.rows()) == [0, 3]
    again = ResultStore.open(store.path)
    np.testing.assert_array_equal(again.read("labels", [CORES[0]]), store.array("labels"))
    with pytest.raises(ValueError, match="read-only"):
        again.array("labels")[0, 0, 0] = 1


def test_a_block_is_one_chunk_of_each_array(store: ResultStore) -> None:
    write(store, 2)
    names = sorted(path.relative_to(store.path).as_posix() for path in chunks(store))
    assert names == [
        "block_mask/c/0/0/0",
        "labels/predicted/0/c/1/0/0",
        "mean_probability/c/0/1/0/0",
        "mean_probability/c/1/1/0/0",
        "measures/predictive_entropy/0/c/1/0/0",
        "measures/variation_ratio/0/c/1/0/0",
    ]


def test_a_block_of_zeros_is_written_too(store: ResultStore) -> None:
    """Zarr leaves out chunks of the fill value; then a lost chunk would look like an empty one."""
    empty = {name: np.zeros_like(values) for name, values in arrays(CORES[0]).items()}
    store.write_block(0, CORES[0], empty, "cpu")
    assert (store.path / "labels/predicted/0/c/0/0/0").is_file()


@pytest.mark.parametrize(
    "array", ["labels/predicted/0", "mean_probability", "measures/variation_ratio/0"]
)
def test_any_flipped_byte_is_detected(store: ResultStore, array: str) -> None:
    write(store, 0, 1, 2, 3)
    chunk = next(path for path in chunks(store) if path.is_relative_to(store.path / array))
    name = array.removesuffix("/0").split("/")[-1].replace("predicted", "labels")
    whole = chunk.read_bytes()
    for position in (0, len(whole) // 3, len(whole) - 1):
        content = bytearray(whole)
        content[position] ^= 4
        chunk.write_bytes(content)
        with pytest.raises(StoreError, match=rf"^{store.path}: {name} is damaged \(.*mends it$"):
            store.read(name, CORES.values())
    chunk.write_bytes(whole)
    store.read(name, CORES.values())


def test_a_lost_chunk_is_detected_where_a_block_is_finished(store: ResultStore) -> None:
    write(store, 0)
    assert store.read("labels", [CORES[0]]).shape == LAYOUT.shape
    (store.path / "labels/predicted/0/c/0/0/0").unlink()
    with pytest.raises(StoreError, match="labels/predicted/0/c/0/0/0 is missing"):
        store.read("labels", [CORES[0]])


def test_damaged_lost_and_swapped_blocks_lose_their_line(store: ResultStore) -> None:
    write(store, 0, 1, 2, 3)
    assert store.intact_blocks(CORES) == {0, 1, 2, 3}
    entropy = store.path / "measures/predictive_entropy/0/c"
    content = bytearray((entropy / "0/0/0").read_bytes())
    content[9] ^= 1
    (entropy / "0/0/0").write_bytes(content)
    (entropy / "1/0/1").unlink()
    # A whole chunk in the wrong place has the right checksum, but another content.
    labels = store.path / "labels/predicted/0/c"
    (labels / "0/0/1").write_bytes((labels / "1/0/0").read_bytes())
    assert store.intact_blocks(CORES) == {2}
    assert sorted(store.ledger.rows()) == [2]
    assert np.asarray(store.array("block_mask")).ravel().tolist() == [0, 0, 1, 0]


def test_blocks_that_are_not_in_the_plan_are_forgotten(store: ResultStore) -> None:
    write(store, 0, 1)
    assert store.intact_blocks({1: CORES[1]}) == {1}


@pytest.mark.parametrize("fatal", range(1, 12))  # file and folder of five chunks, the ledger
def test_a_disk_that_refuses_leaves_the_block_unfinished(
    store: ResultStore, monkeypatch: pytest.MonkeyPatch, fatal: int
) -> None:
    write(store, 0)
    calls = []

    def fsync(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == fatal:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(StoreError, match=r"No space left.*finished blocks are kept"):
            write(store, 1)
    assert 0 in store.ledger.rows()
    write(store, 1)
    assert store.intact_blocks(CORES) == {0, 1}


def test_many_classes_have_wide_labels() -> None:
    few, many = (replace(LAYOUT, class_names=("x",) * n) for n in (256, 257))
    assert (few.label_dtype, many.label_dtype) == ("uint8", "uint16")
    assert few.bytes_per_voxel == 4 * (256 + 2) + 1
    assert many.bytes_per_voxel == 4 * (257 + 2) + 2


def test_an_unknown_array_is_refused_with_those_there_are(store: ResultStore) -> None:
    with pytest.raises(StoreError, match=r"no 'doubt'; it holds labels, mean_probability, predic"):
        store.array("doubt")
    with pytest.raises(StoreError, match="no 'measures'"):
        store.array("measures")


def test_nothing_is_replaced_and_nothing_half_made_is_left(
    store: ResultStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreError, match="exists already"):
        ResultStore.create(store.path, LAYOUT, RECORD)

    def fail(path: Path, *_: object) -> None:
        path.mkdir()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(result_store, "create_groups", fail)
    with pytest.raises(StoreError, match=r"can't be written \(No space left on device\)"):
        ResultStore.create(tmp_path / "new.zarr", LAYOUT, RECORD)
    assert [path.name for path in tmp_path.iterdir()] == ["r.zarr"]


def test_what_is_no_result_is_not_opened(store: ResultStore, tmp_path: Path) -> None:
    assert is_result_store(store.path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    zarr.create_group(tmp_path / "other.zarr")
    (tmp_path / "half.zarr").mkdir()
    (tmp_path / "half.zarr" / "zarr.json").write_text("{half")
    for name in ("empty", "other.zarr", "half.zarr"):
        assert not is_result_store(tmp_path / name)
        with pytest.raises(StoreError, match="is no result of napari-bayesseg"):
            ResultStore.open(tmp_path / name)
    for name in ("nowhere", "file"):
        assert not is_result_store(tmp_path / name)
        with pytest.raises(StoreError, match="no such result"):
            ResultStore.open(tmp_path / name)


def test_a_result_of_a_later_version_is_refused(store: ResultStore) -> None:
    document = json.loads((store.path / "zarr.json").read_text())
    document["attributes"]["napari_bayesseg"]["format_version"] = 2
    (store.path / "zarr.json").write_text(json.dumps(document))
    with pytest.raises(StoreError, match=r"result format 2, but this version reads 1: update"):
        ResultStore.open(store.path)


def test_the_record_can_be_added_to(store: ResultStore) -> None:
    store.update_record(seconds=1.5)
    opened = ResultStore.open(store.path)
    assert opened.record["seconds"] == 1.5
    assert opened.record["run_id"] == RECORD["run_id"]
    assert "multiscales" in zarr.open_group(store.path).attrs["ome"]
