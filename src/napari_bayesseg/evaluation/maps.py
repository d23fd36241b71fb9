"""What is judged, read slab by slab: a result on the disk, or arrays in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Geometry, Index3, Roi
from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.inference.result import Result
from napari_bayesseg.numerics.uncertainty import MEASURES, get_measure, split_excess

__all__ = ["Maps", "maps_of_arrays", "maps_of_result"]

Read = Callable[[Roi], NDArray[Any]]

# What follows from the mean probability alone, and so is always there.
_OF_THE_MEAN = ("predictive_entropy", "expected_error")
_SLAB_VOXELS = 2**22


@dataclass(frozen=True, eq=False)
class Maps:
    """What is judged.

    Attributes
    ----------
    name : str
        For messages.
    shape : (Z, Y, X)
    geometry : Geometry
    class_names : tuple of str
    probabilities : callable
        Box -> (C, z, y, x) float; NaN where not processed.
    prediction : callable or None
        Box -> (z, y, x) int; None means the class with the largest probability.
    stored : mapping of str to callable
        Measure -> box -> (z, y, x) float.
    chunk_depth : int
        Planes that are best read together.
    """

    name: str
    shape: Index3
    geometry: Geometry
    class_names: tuple[str, ...]
    probabilities: Read
    prediction: Read | None
    stored: Mapping[str, Read]
    chunk_depth: int = 1

    def measures(self, wanted: str) -> tuple[str, ...]:
        """Return the measures to look at: those stored, and the one that is wanted.

        Raises
        ------
        SettingsError
            If that is neither stored nor follows from the mean probability.
        """
        get_measure(split_excess(wanted)[0])
        if wanted in self.stored:
            return tuple(self.stored)
        if wanted not in _OF_THE_MEAN:
            there = ", ".join({**self.stored, **dict.fromkeys(_OF_THE_MEAN)})
            raise SettingsError(f"{self.name}: holds no measure {wanted!r}; judge by {there}")
        return (wanted, *self.stored)

    def measure(
        self, name: str, box: Roi, probabilities: NDArray[np.floating[Any]]
    ) -> NDArray[np.floating[Any]]:
        """Return a measure of a box, stored or made from the mean probability there."""
        if name in self.stored:
            return self.stored[name](box)
        return MEASURES[name].compute(probabilities[np.newaxis])

    def boxes(self, depth: int) -> Iterator[Roi]:
        """Yield boxes of whole planes that make the volume, each a multiple of `depth` planes.

        They hold about 4 million voxels, and no chunk is read twice where that allows it.
        """
        size, height, width = self.shape
        planes = max(_SLAB_VOXELS // (height * width) // depth, 1) * depth
        together = int(np.lcm(self.chunk_depth, depth))
        if together <= planes:
            planes = planes // together * together
        for low in range(0, size, planes):
            yield Roi((low, 0, 0), (min(low + planes, size), height, width))


def maps_of_result(result: Result, measure: str) -> Maps:
    """Return the maps of a result; an excess is computed now, and held.

    Raises
    ------
    StoreError
        If a part of the result is missing.
    """
    names = ("labels", "mean_probability", *result.measures)
    for name in names:
        result.check_complete(name)

    def reader(name: str) -> Read:
        return lambda box: result.read_box(name, box)

    stored = {name: reader(name) for name in result.measures}
    base, is_excess = split_excess(measure)
    if is_excess and base in stored:
        values = result.read(measure)
        stored[measure] = lambda box: values[box.slices]
    return Maps(
        name=str(result.path),
        shape=result.spec.shape,
        geometry=result.geometry,
        class_names=result.class_names,
        probabilities=reader("mean_probability"),
        prediction=reader("labels"),
        stored=stored,
        chunk_depth=int(result.labels.chunks[0]),
    )


def maps_of_arrays(
    mean_probability: LazyArray,
    measures: Mapping[str, LazyArray],
    prediction: LazyArray | None,
    geometry: Geometry,
    class_names: Sequence[str],
    name: str,
) -> Maps:
    """Return the maps of arrays.

    Raises
    ------
    SettingsError
        If shapes or the number of classes differ.
    """
    shape = tuple(int(length) for length in mean_probability.shape)
    if len(shape) != 4 or shape[0] != len(class_names) or shape[0] < 2 or 0 in shape:
        raise SettingsError(
            f"{name}: mean_probability must be (C, Z, Y, X) for the {len(class_names)} classes "
            f"{', '.join(class_names)}; got {shape}"
        )
    others = {**measures} if prediction is None else {**measures, "prediction": prediction}
    for what, array in others.items():
        if tuple(array.shape) != shape[1:]:
            raise SettingsError(f"{name}: {what} must be {shape[1:]}; got {tuple(array.shape)}")

    def reader(array: LazyArray) -> Read:
        return lambda box: np.asarray(array[box.slices])

    return Maps(
        name=name,
        shape=(shape[1], shape[2], shape[3]),
        geometry=geometry,
        class_names=tuple(class_names),
        probabilities=lambda box: np.asarray(mean_probability[(slice(None), *box.slices)]),
        prediction=None if prediction is None else reader(prediction),
        stored={what: reader(array) for what, array in measures.items()},
    )
