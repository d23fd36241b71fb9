from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaozarrs
import zarr

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.io import pyramid
from napari_bayesseg.io.pyramid import build_pyramid
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.numerics.coarsening import coarsen
from tests.io.stores import make_store

SHAPE, BLOCK, GRID = (3, 71, 301), (3, 40, 128), (1, 2, 3)
FACTORS = [(1, 2, 2), (1, 2, 4)]
MEASURES = {"predictive_entropy": "nat", "variation_ratio": "share of draws"}
NAMES = ("mean_probability", "labels", *MEASURES)
STEPS = {"uint8": 0.5 / 254, "float16": 2.0**-11, "float32": 0.0}
CORES = {
    3 * row + column: Roi((0, y, x), (3, min(y + 40, 71), min(x + 128, 301)))
    for row, y in enumerate((0, 40))
    for column, x in enumerate((0, 128, 256))
}


def content(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    mean = np.moveaxis(rng.dirichlet(np.ones(2), SHAPE), -1, 0).astype(np.float32)
    mean[:, rng.random(SHAPE) < 0.3] = np.nan
    mean[:, :, :7, :9] = np.nan
    maps = {name: np.where(np.isnan(mean[0]), np.nan, rng.random(SHAPE)) for name in MEASURES}
    labels = np.where(np.isnan(mean[0]), 0, mean.argmax(0)).astype(np.uint8)
    floats = {name: values.astype(np.float32) for name, values in maps.items()}
    return {"labels": labels, "mean_probability": mean, **floats}


def write(store: ResultStore, arrays: dict[str, np.ndarray], *indices: int) -> None:
    for index in indices:
        core = CORES[index]
        part = {name: values[(..., *core.slices)] for name, values in arrays.items()}
        store.write_block(index, core, part, "cpu")


def make(path: Path, **changes: object) -> ResultStore:
    geometry = Geometry.from_spacing((2.0, 2.0, 1.5), (10.0, 20.0, 30.0), "micrometer")
    names = ("pore", "solid")
    return make_store(
        path,
        shape=SHAPE,
        block_shape=BLOCK,
        grid=GRID,
        geometry=geometry,
        class_names=names,
        measures=MEASURES,
        **changes,
    )


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    made = make(tmp_path / "r.zarr")
    write(made, content(), *CORES)
    return made


def groups(store: ResultStore) -> list[str]:
    return ["", "labels/predicted", *(f"measures/{name}" for name in MEASURES)]


def assert_valid(store: ResultStore, num_levels: int | None = None) -> None:
    for place in groups(store):
        group = zarr.open_group(store.path / place, mode="r")
        yaozarrs.validate_zarr_store(group)
        datasets = group.attrs["ome"]["multiscales"][0]["datasets"]
        assert num_levels is None or len(datasets) == 1 + num_levels


@pytest.mark.parametrize("dtype", STEPS)
def test_each_level_is_the_mean_of_the_finite_voxels_of_the_one_before(
    tmp_path: Path, dtype: str
) -> None:
    store = make(tmp_path / "r.zarr", store_dtype=dtype)
    write(store, content(), *CORES)
    assert build_pyramid(store)
    assert store.level_factors == FACTORS
    for name in ("mean_probability", *MEASURES):
        levels = store.levels(name)
        assert [level.shape[-3:] for level in levels] == [SHAPE, (3, 36, 151), (3, 36, 76)]
        for finer, level, steps in zip(levels, levels[1:], ((1, 2, 2), (1, 1, 2)), strict=False):
            assert level.dtype == np.float32
            source = np.asarray(finer).reshape(-1, *finer.shape[-3:])
            expected = np.stack([coarsen(values, steps) for values in source])
            found = np.asarray(level).reshape(expected.shape)
            atol = STEPS[dtype] + 1e-7
            np.testing.assert_allclose(found, expected, atol=atol, rtol=0)
            assert np.isnan(found).any()


def test_labels_are_the_class_with_the_largest_mean(store: ResultStore) -> None:
    build_pyramid(store)
    for level in (1, 2):
        mean = np.asarray(store.level("mean_probability", level))
        labels = np.asarray(store.level("labels", level))
        assert labels.dtype == np.uint8
        known = np.isfinite(mean[0])
        np.testing.assert_array_equal(labels[known], mean.argmax(0)[known])
        assert not labels[~known].any()
        assert not known.all()


def test_the_metadata_is_valid_and_every_level_lies_where_it_should(store: ResultStore) -> None:
    build_pyramid(store)
    assert_valid(store, 2)
    corner = (4.0 - 0.5) * np.array([2.0, 2.0, 1.5]) + (10.0, 20.0, 30.0)
    for place in groups(store):
        (multiscale,) = zarr.open_group(store.path / place, mode="r").attrs["ome"]["multiscales"]
        for dataset, factors in zip(multiscale["datasets"], [(1, 1, 1), *FACTORS], strict=True):
            scale, translation = dataset["coordinateTransformations"]
            scale, origin = scale["scale"], translation["translation"]
            assert scale[:-3] == [1.0] * (len(scale) - 3)
            assert origin[:-3] == [0.0] * (len(origin) - 3)
            np.testing.assert_allclose(scale[-3:], np.array([2.0, 2.0, 1.5]) * factors)
            # The edge between two voxels that a level doesn't join lies at one place in the world.
            edge = (4.0 / np.array(factors) - 0.5) * scale[-3:] + origin[-3:]
            np.testing.assert_allclose(edge, corner)
            assert zarr.open_array(store.path / place / dataset["path"], mode="r").ndim == len(
                scale
            )


def test_the_full_level_and_the_hashes_stay_as_they_were(
    store: ResultStore, hashes: Callable[[Path], dict[str, str]]
) -> None:
    before, sha256 = hashes(store.path), store.content_sha256()
    build_pyramid(store)
    after = hashes(store.path)
    described = {f"{place}/zarr.json".lstrip("/") for place in groups(store)}
    assert {name for name, value in before.items() if after[name] != value} == described
    assert store.content_sha256() == sha256
    assert store.intact_blocks(CORES) == set(CORES)
    assert ResultStore.open(store.path).level_factors == FACTORS


def test_every_chunk_is_a_file(store: ResultStore) -> None:
    """Also one of nothing but NaN; a lost chunk would look like it."""
    build_pyramid(store)
    for name in NAMES:
        for array in store.levels(name):
            count = np.prod([-(-n // c) for n, c in zip(array.shape, array.chunks, strict=True)])
            assert (
                len([f for f in (store.path / array.path / "c").rglob("*") if f.is_file()]) == count
            )


def test_a_small_result_has_no_levels(tmp_path: Path) -> None:
    store = make_store(tmp_path / "r.zarr", grid=(1, 1, 1), block_shape=(6, 9, 10), measures={})
    mean = np.full((3, 6, 9, 10), 1 / 3, np.float32)
    arrays = {"labels": np.zeros((6, 9, 10), np.uint8), "mean_probability": mean}
    store.write_block(0, Roi.whole((6, 9, 10)), arrays, "cpu")
    assert build_pyramid(store)
    assert store.level_factors == []
    assert len(store.levels("labels")) == 1
    assert not (store.path / "mean_probability_levels").exists()


def test_an_unfinished_result_gets_none(tmp_path: Path) -> None:
    store = make(tmp_path / "r.zarr")
    write(store, content(), 0, 1, 2, 3, 4)
    with pytest.raises(StoreError, match="no coarser levels before all its blocks are finished"):
        build_pyramid(store)
    assert store.levels("labels")[1:] == ()


class Stopped(Exception):
    pass


@pytest.mark.parametrize("by_error", [True, False])
@pytest.mark.parametrize("calls", range(6))
def test_stopped_or_killed_anywhere_it_stays_valid_and_goes_on(
    store: ResultStore, monkeypatch: pytest.MonkeyPatch, calls: int, by_error: bool
) -> None:
    monkeypatch.setattr(pyramid, "_LONGEST_CHUNK", 64)  # five chunks in all
    asked = []

    def should_stop() -> bool:
        asked.append(None)
        if by_error and len(asked) > calls:
            raise Stopped
        return len(asked) > calls

    try:
        finished = build_pyramid(store, should_stop)
    except Stopped:
        finished = False
    again = ResultStore.open(store.path, mode="r+")
    assert_valid(again, len(again.level_factors))
    assert again.intact_blocks(CORES) == set(CORES)
    assert finished == (again.level_factors == FACTORS) == (calls == 5)
    assert again.level_factors == FACTORS[: len(again.level_factors)]
    assert build_pyramid(again)
    assert_valid(again, 2)
    expected = coarsen(content()["variation_ratio"], (1, 2, 2))
    np.testing.assert_allclose(again.level("variation_ratio", 1), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("step", "call"),
    [
        *[("_describe", call) for call in range(3)],
        *[("update_record", call) for call in range(3)],
        ("_remove_levels", 0),
    ],
)
def test_killed_between_two_entries_it_stays_valid_and_goes_on(
    store: ResultStore, monkeypatch: pytest.MonkeyPatch, step: str, call: int
) -> None:
    owner = store if step == "update_record" else pyramid
    real, calls = getattr(owner, step), []

    def killed(*args: object, **entries: object) -> None:
        calls.append(None)
        if len(calls) > call:
            raise Stopped
        real(*args, **entries)

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, killed)
        with pytest.raises(Stopped):
            build_pyramid(store)
    again = ResultStore.open(store.path, mode="r+")
    assert_valid(again)
    assert build_pyramid(again)
    assert_valid(again, 2)
    assert again.level_factors == FACTORS


def test_levels_that_are_there_are_not_made_again(
    store: ResultStore, hashes: Callable[[Path], dict[str, str]]
) -> None:
    build_pyramid(store)
    before = hashes(store.path)
    asked = []
    assert build_pyramid(ResultStore.open(store.path, "r+"), lambda: bool(asked.append(None)))
    assert asked == []
    assert hashes(store.path) == before


def test_levels_of_what_was_there_before_are_replaced(store: ResultStore) -> None:
    build_pyramid(store)
    arrays = content(seed=1)
    write(store, arrays, 4)
    assert store.level_factors == []
    assert [len(store.levels(name)) for name in NAMES] == [1] * 4
    assert build_pyramid(store)
    whole = np.asarray(store.array("variation_ratio"))
    np.testing.assert_allclose(
        store.levels("variation_ratio")[1], coarsen(whole, (1, 2, 2)), atol=1e-6
    )


def test_memory_is_bounded_by_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block may be the whole scan; what is read at a time may not."""
    store = make(tmp_path / "r.zarr")
    write(store, content(), *CORES)
    sizes = []

    def noting(values: np.ndarray, factors: tuple[int, int, int]) -> np.ndarray:
        sizes.append(values.shape)
        return coarsen(values, factors)

    monkeypatch.setattr(pyramid, "coarsen", noting)
    monkeypatch.setattr(pyramid, "_LONGEST_CHUNK", 16)
    build_pyramid(store)
    assert np.max(sizes, axis=0).tolist() == [3, 32, 32]


def test_a_damaged_result_is_told(store: ResultStore) -> None:
    file = next((store.path / "measures/variation_ratio/0/c").rglob("0/1/1"))
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(StoreError, match=r"r\.zarr: .*variation_ratio/0 is damaged .*mends it"):
        build_pyramid(store)
    assert_valid(store, 0)


def test_a_full_disk_is_told_and_room_lets_it_go_on(
    store: ResultStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pyramid, "sync", full)
        with pytest.raises(StoreError, match=r"No space left.*finished blocks are kept"):
            build_pyramid(store)
    assert_valid(store, 0)
    assert build_pyramid(store)


def test_a_level_that_somebody_deleted_is_not_there_and_made_again(store: ResultStore) -> None:
    with pytest.raises(StoreError, match="holds no level 1 of labels"):
        store.level("labels", 1)
    build_pyramid(store)
    shutil.rmtree(store.path / "mean_probability_levels/2")
    again = ResultStore.open(store.path, mode="r+")
    assert again.level_factors == FACTORS[:1]
    assert len(again.levels("variation_ratio")) == 2
    assert build_pyramid(again)
    assert again.level_factors == FACTORS
    assert_valid(again, 2)
