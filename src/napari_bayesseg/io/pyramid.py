"""Coarser levels beside a result, so that a viewer need not read all of a large one.

Level n is half of level n - 1 along each axis that is long and not much coarser than the others.
Probabilities and measures are means over the finite voxels of the finer level, NaN where there are
none; labels are the classes with the largest mean probability at that level (the first of equals,
0 where it is NaN), which keeps thin structures better than the most frequent label does.

Only the finished result counts: the levels can be made again from it, are in no hash, and are
dropped in favour of new ones where a block was computed again.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.io import ome_metadata
from napari_bayesseg.io.block_files import chunk_files, sync
from napari_bayesseg.io.quantised import DecodedArray, encode
from napari_bayesseg.io.result_arrays import DAMAGE, ResultArray, level_place
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.io.store_layout import create_array
from napari_bayesseg.numerics.coarsening import coarsen, level_factors

__all__ = ["PYRAMID_VOXELS", "build_pyramid"]

PYRAMID_VOXELS = 384**3
"""A result with more voxels than this is slow to show without coarser levels."""

_LONGEST_CHUNK = 128


def build_pyramid(store: ResultStore, should_stop: Callable[[], bool] = lambda: False) -> bool:
    """Write the coarser levels of a finished result, one after the other, in bounded memory.

    Only whoever holds the store's lock may. Levels that are there are kept; killed or stopped
    anywhere, it leaves a valid result, and the next call goes on with the level that was begun.

    Parameters
    ----------
    store : ResultStore
        Opened for writing.
    should_stop : callable
        Asked before each chunk of a level.

    Returns
    -------
    bool
        Whether all levels are there; False if it was stopped.

    Raises
    ------
    StoreError
        If blocks are missing, the result is damaged, or the disk refuses.
    """
    if not store.is_complete:
        raise StoreError(f"{store.path}: has no coarser levels before all its blocks are finished")
    z, y, x = store.stored("labels").shape
    content = store.content_sha256()
    wanted = level_factors((z, y, x), ome_metadata.spacing(_document(store.group)))
    complete = len(store.level_factors)
    with store.disk_errors():
        for level in range(complete, len(wanted) + 1):
            if level > complete and not _write_level(store, level, wanted, should_stop):
                return False
            _describe(store, wanted[:level])
            store.update_record(pyramid={"content_sha256": content, "factors": wanted[:level]})
            if level == complete:  # what an earlier call began, and now nothing names
                _remove_levels(store, range(complete + 1, len(wanted) + 1))
    return True


def _names(store: ResultStore) -> tuple[str, ...]:
    return ("mean_probability", "labels", *store.record["measures"])


def _remove_levels(store: ResultStore, levels: Sequence[int]) -> None:
    for name, level in itertools.product(_names(store), levels):
        folder = store.path / level_place(name, level)
        if folder.exists():
            shutil.rmtree(folder)


def _create_level(store: ResultStore, name: str, level: int, shape: Index3) -> ResultArray:
    full = store.array(name)
    quantisation = full.quantisation if isinstance(full, DecodedArray) else None
    leading = full.shape[:-3]
    chunks = [min(a, b, _LONGEST_CHUNK) for a, b in zip(full.chunks[-3:], shape, strict=True)]
    parent, _, child = level_place(name, level).rpartition("/")
    create_array(
        store.group.require_group(parent),
        child,
        (*leading, *shape),
        (*[1] * len(leading), *chunks),
        store.stored(name).dtype,
        quantisation,
    )
    return store.level(name, level)


def _write_level(
    store: ResultStore, level: int, factors: Sequence[Index3], should_stop: Callable[[], bool]
) -> bool:
    before = factors[level - 2] if level > 1 else (1, 1, 1)
    z, y, x = (now // former for now, former in zip(factors[level - 1], before, strict=True))
    full = store.stored("labels").shape
    nz, ny, nx = (-(-n // factor) for n, factor in zip(full, factors[level - 1], strict=True))
    finer = {name: store.level(name, level - 1) for name in _names(store)}
    arrays = {name: _create_level(store, name, level, (nz, ny, nx)) for name in _names(store)}
    for box in _boxes((nz, ny, nx), arrays["labels"].chunks):
        if should_stop():
            return False
        source = _scaled(box, (z, y, x), finer["labels"].shape)
        for name in store.record["measures"]:
            _put(
                arrays[name],
                box.slices,
                coarsen(_read(store, finer[name], source.slices), (z, y, x)),
            )
        labels = _put_probabilities(
            store, finer["mean_probability"], arrays["mean_probability"], source, box, (z, y, x)
        )
        _put(arrays["labels"], box.slices, labels)
    for array in arrays.values():
        for file in chunk_files(store.path, array, Roi.whole((nz, ny, nx))):
            sync(file)
    return True


def _put_probabilities(
    store: ResultStore,
    finer: ResultArray,
    array: ResultArray,
    source: Roi,
    box: Roi,
    factors: Index3,
) -> NDArray[np.uint16]:
    """Coarsen the mean probability, class by class, and return the first largest class."""
    labels = np.zeros(box.shape, np.uint16)
    best = np.full(box.shape, -np.inf, np.float32)
    for c in range(array.shape[0]):
        mean = coarsen(_read(store, finer, (c, *source.slices)), factors)
        _put(array, (c, *box.slices), mean)
        larger = mean > best  # never where it is NaN
        labels[larger] = c
        best[larger] = mean[larger]
    return labels


def _read(
    store: ResultStore, array: ResultArray, key: tuple[int | slice, ...]
) -> NDArray[np.float32]:
    try:
        return np.asarray(array[key])
    except DAMAGE as error:
        raise store.damaged(array.path, error) from None


def _put(array: ResultArray, key: tuple[int | slice, ...], values: NDArray[np.generic]) -> None:
    stored = array.stored if isinstance(array, DecodedArray) else array
    stored[key] = encode(array, values)


def _boxes(shape: Index3, chunks: Sequence[int]) -> Iterator[Roi]:
    z, y, x = (range(0, n, step) for n, step in zip(shape, chunks[-3:], strict=True))
    whole = Roi.whole(shape)
    for a, b, c in itertools.product(z, y, x):
        yield Roi((a, b, c), (a + z.step, b + y.step, c + x.step)).intersection(whole)


def _scaled(box: Roi, factors: Index3, shape: Sequence[int]) -> Roi:
    """Return the box of the finer level that a box of the coarser one is made from."""
    start = [low * factor for low, factor in zip(box.start, factors, strict=True)]
    stop = [min(high * factor, n) for high, factor, n in zip(box.stop, factors, shape, strict=True)]
    return Roi((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


def _document(group: zarr.Group) -> dict[str, object]:
    found = group.attrs["ome"]
    if not isinstance(found, dict):
        raise StoreError("the metadata under ome is damaged: start again with --overwrite")
    return dict(found)


def _describe(store: ResultStore, factors: Sequence[Index3]) -> None:
    """Name the levels in the metadata: all of them are there."""
    for name in _names(store):
        group = store.group
        if name != "mean_probability":
            found = group[level_place(name, 0).rpartition("/")[0]]
            assert isinstance(found, zarr.Group)
            group = found
        paths = [
            level_place(name, level).removeprefix(group.path).removeprefix("/")
            for level in range(1, len(factors) + 1)
        ]
        now = _document(group)
        new = ome_metadata.with_levels(now, paths, factors)
        if new != now:
            group.attrs["ome"] = new
