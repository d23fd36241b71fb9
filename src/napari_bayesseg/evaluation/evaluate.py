"""Judging a result, or arrays in memory, by the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.core.volume import LazyArray, Volume
from napari_bayesseg.evaluation.curves import reliability_diagram
from napari_bayesseg.evaluation.evaluation import Evaluation
from napari_bayesseg.evaluation.maps import Maps, maps_of_arrays, maps_of_result
from napari_bayesseg.evaluation.naming import method_name
from napari_bayesseg.evaluation.tally import Slab, Tally
from napari_bayesseg.evaluation.truth import check_grid, name_of, read_truth
from napari_bayesseg.inference.result import Result
from napari_bayesseg.numerics.overlap import dice_of_counts, jaccard_of_counts
from napari_bayesseg.numerics.surface_distance import SurfaceDistance, surface_distance

__all__ = ["DEFAULT_MEASURE", "evaluate", "evaluate_arrays"]

DEFAULT_MEASURE = "predictive_entropy"

_PATCH_LENGTH = 4
Tell = Callable[[float], None]
Mask = NDArray[np.bool_]


def evaluate(
    result: Result,
    labels: Volume,
    *,
    measure: str = DEFAULT_MEASURE,
    ignore_label: int | None = None,
    name: str | None = None,
    case: str | None = None,
    surfaces: bool = True,
    progress: Tell | None = None,
) -> Evaluation:
    """Judge a result by labels on the same grid.

    The maps are read slab by slab (about 4 million voxels, at least 4 planes, one measure at a
    time). Beside them stand, for the surfaces, both label maps whole (3 bytes a voxel up to 256
    classes) and 12 bytes a voxel of the box around one class. Patches are cubes of 4 voxels.

    Parameters
    ----------
    result : Result
        Voxels without a prediction are left out, and counted.
    labels : Volume
        Whole numbers: the classes of the result, from 0.
    measure : str
        Whose scores stand at the top; all stored ones are looked at. Predictive entropy and
        expected error are made from the mean probability where they aren't stored.
    ignore_label : int, optional
        Voxels with this label are left out, and counted.
    name : str, optional
        Who predicted, by default the model; see :func:`~.naming.name_results`.
    case : str, optional
        What was predicted, by default the scan.
    surfaces : bool
        Whether to measure the distances between surfaces, which take the most time.
    progress : callable, optional
        Gets the share that is done, from 0 to 1; what it raises ends the evaluation.

    Returns
    -------
    Evaluation

    Raises
    ------
    GeometryError
        If the labels have another shape, spacing or affine.
    FormatError
        If labels are no classes of the result.
    SettingsError
        If the measure isn't stored, or no voxel can be judged.
    StoreError
        If the result is damaged.
    """
    check_grid(labels, result.spec.shape, result.geometry, str(result.path))
    return _judge(
        maps_of_result(result, measure),
        labels,
        _Request(
            measure=measure,
            ignore_label=ignore_label,
            name=name or method_name(result),
            case=case or result.spec.name,
            surfaces=surfaces,
            progress=progress or _nobody,
        ),
    )


def evaluate_arrays(
    mean_probability: LazyArray,
    measures: Mapping[str, LazyArray],
    truth: LazyArray,
    spacing: tuple[float, float, float],
    class_names: Sequence[str],
    *,
    unit: str = "pixel",
    prediction: LazyArray | None = None,
    measure: str = DEFAULT_MEASURE,
    ignore_label: int | None = None,
    name: str = "prediction",
    case: str = "scan",
    surfaces: bool = True,
    progress: Tell | None = None,
) -> Evaluation:
    """Judge arrays, as :func:`evaluate` does a result.

    Parameters
    ----------
    mean_probability : (C, Z, Y, X) float
        Sums to 1 over C; NaN where there is no prediction.
    measures : mapping of str to (Z, Y, X) float
        By the names of ``numerics.uncertainty``; may be empty.
    truth : (Z, Y, X) int
        Classes from 0, and the ignored label.
    spacing : (z, y, x)
        Between voxel centres, in `unit`.
    class_names : sequence of str
        Of the C classes.
    unit : str
        Full name such as ``"millimeter"``; ``"pixel"`` where it is unknown.
    prediction : (Z, Y, X) int, optional
        By default the class with the largest mean probability, the lowest one among equals.
    measure, ignore_label, name, case, surfaces, progress
        As for :func:`evaluate`.

    Raises
    ------
    GeometryError, FormatError, SettingsError
        As for :func:`evaluate`; SettingsError also if the shapes differ.
    """
    geometry = Geometry.from_spacing(spacing, unit=unit)
    maps = maps_of_arrays(mean_probability, measures, prediction, geometry, class_names, name)
    labels = Volume.from_array(truth, name="truth")
    check_grid(labels, maps.shape, geometry, name)
    return _judge(
        maps,
        labels,
        _Request(measure, ignore_label, name, case, surfaces, progress or _nobody),
    )


def _nobody(share: float) -> None:
    """Hear nothing."""


@dataclass(frozen=True)
class _Request:
    measure: str
    ignore_label: int | None
    name: str
    case: str
    surfaces: bool
    progress: Tell


@dataclass(eq=False)
class _Seen:
    """What the pass over the slabs leaves beside the tally.

    Voxels left out, wrong voxels of each plane, and label maps.
    """

    ignored: int
    unprocessed: int
    wrong: list[int]
    prediction: NDArray[Any]
    truth: NDArray[Any]
    judged: Mask

    @classmethod
    def of(cls, maps: Maps, keep: bool) -> _Seen:
        """Return empty ones; those of a volume without planes where nothing is to be kept."""
        shape = maps.shape if keep else (0, *maps.shape[1:])
        kind = np.uint8 if len(maps.class_names) <= 256 else np.uint16
        return cls(0, 0, [], np.empty(shape, kind), np.empty(shape, kind), np.empty(shape, bool))

    def keep(self, box: Roi, slab: Slab) -> None:
        """Keep the label maps of a slab, and count its wrong voxels."""
        self.wrong += np.count_nonzero(slab.wrong & slab.judged, axis=(1, 2)).tolist()
        if len(self.judged):
            self.prediction[box.slices] = slab.prediction
            self.truth[box.slices] = slab.truth
            self.judged[box.slices] = slab.judged


def _judge(maps: Maps, labels: Volume, request: _Request) -> Evaluation:
    shape = maps.shape
    patch = tuple(min(_PATCH_LENGTH, length) for length in shape)
    tally = Tally(
        len(maps.class_names), maps.measures(request.measure), (patch[0], patch[1], patch[2])
    )
    seen = _Seen.of(maps, request.surfaces)
    # The surfaces take about as long as all the rest.
    part = 0.5 if request.surfaces else 1.0
    for box in maps.boxes(patch[0]):
        slab = _read_slab(maps, labels, box, request.ignore_label, seen)
        tally.update(slab, partial(maps.measure, box=box, probabilities=slab.probabilities))
        seen.keep(box, slab)
        request.progress(part * box.stop[0] / shape[0])
    if not tally.voxels:
        raise SettingsError(
            f"{maps.name}: no voxel can be judged by {name_of(labels)}: {seen.ignored:,} are of "
            f"the ignored label, {seen.unprocessed:,} have no prediction"
        )
    distances = _surfaces(maps, seen, request) if request.surfaces else {}
    return _evaluation(maps, request, tally, seen, distances)


def _read_slab(maps: Maps, labels: Volume, box: Roi, ignore_label: int | None, seen: _Seen) -> Slab:
    """Read a slab, and count what of it is left out."""
    probabilities = maps.probabilities(box)
    truth, ignored = read_truth(labels, box, len(maps.class_names), ignore_label)
    known = ~np.isnan(probabilities).any(axis=0)
    seen.ignored += int(np.count_nonzero(ignored))
    seen.unprocessed += int(np.count_nonzero(~known & ~ignored))
    found = probabilities.argmax(axis=0) if maps.prediction is None else maps.prediction(box)
    return Slab(probabilities, found, truth, known & ~ignored)


def _surfaces(maps: Maps, seen: _Seen, request: _Request) -> dict[str, SurfaceDistance]:
    found = {}
    judged = None if seen.judged.all() else seen.judged
    count = len(maps.class_names)
    for label, name in enumerate(maps.class_names):
        found[name] = surface_distance(
            seen.prediction, seen.truth, label, maps.geometry.spacing, judged
        )
        request.progress(0.5 + 0.5 * (label + 1) / count)
    return found


def _evaluation(
    maps: Maps,
    request: _Request,
    tally: Tally,
    seen: _Seen,
    distances: Mapping[str, SurfaceDistance],
) -> Evaluation:
    counts = tally.confusion.compute()
    scores = tally.proper.compute()
    bins = tally.reliability.compute()

    def by_class(values: Sequence[float] | NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(maps.class_names, map(float, values), strict=True))

    return Evaluation(
        name=request.name,
        case=request.case,
        class_names=maps.class_names,
        voxels=tally.voxels,
        voxels_ignored=seen.ignored,
        voxels_unprocessed=seen.unprocessed,
        confusion=tuple(tuple(int(count) for count in row) for row in counts),
        dice=by_class(dice_of_counts(counts)),
        jaccard=by_class(jaccard_of_counts(counts)),
        hausdorff_95={name: found.hausdorff_95 for name, found in distances.items()},
        average_surface_distance={name: found.average for name, found in distances.items()},
        unit=maps.geometry.unit,
        negative_log_likelihood=scores.negative_log_likelihood,
        brier_score=scores.brier_score,
        expected_calibration_error=bins.expected_calibration_error,
        class_calibration_error=by_class(
            [one.compute().expected_calibration_error for one in tally.class_reliability]
        ),
        reliability=reliability_diagram(bins),
        measure=request.measure,
        measures={name: found.compute() for name, found in tally.measures.items()},
        worst_slice=int(np.argmax(seen.wrong)),
    )
