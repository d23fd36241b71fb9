"""How clearly the uncertainty shows what no model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import MODELS, Case, count_of, sample, series
from benchmarks.predictions import predicted
from benchmarks.rows import Goal, Row, at_least
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.result import Result
from napari_bayesseg.inference.scan import normalise, summarise_scan
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.networks.checkpoint import load_card
from napari_bayesseg.numerics.boundary_distance import distance_to_boundary
from napari_bayesseg.numerics.error_detection import error_auroc

__all__ = ["KINDS", "defect_scores", "kinds_of_defects", "run"]

KINDS = ("inclusion", "delamination_fringes", "delamination_core", "rings", "metal_zone", "metal")
"""Kinds of defects in the order of the tables."""

_RATIO = "mean MI / ordinary"
_RATIO_AWAY = "> 2 voxels from a predicted boundary"
_RATIO_INSIDE = "> 2 voxels from a true boundary"
_WRONG = "share wrong"
_AUROC, _AUROC_EXCESS = "AUROC by MI", "AUROC by MI excess"
_OUTSIDE = "share outside the grey range of the training"
_ANY, _ORDINARY = "any of them", "ordinary material"
_TOP = "share of the voxels that lie in a defect"
_TOP_PERCENT = 1.0
_FAR_VOXELS = 2.0
_VOXELS = (1.0, 1.0, 1.0)

# The goals stand for the Bayesian V-Net; metal and the dark core of a delamination have none.
_RATIO_GOALS = {
    "inclusion": at_least(3.0),
    "delamination_fringes": at_least(3.0),
    "rings": at_least(1.5),
    "metal_zone": at_least(1.5),
}
_AWAY_GOAL = at_least(5.0)

Scores = dict[tuple[str, str], float]


def run(quick: bool) -> list[Row]:
    """Look at both models on the sample and on fresh scans with defects."""
    fresh = series("test-defects", count_of(quick))
    rows: list[Row] = []
    for table, cases in (("sample", [sample()]), (f"mean of {len(fresh)} fresh scans", fresh)):
        for model in MODELS:
            each = [defect_scores(predicted(case, model), case) for case in cases]
            rows += _rows(f"{model}, {table}", _mean(each), with_goals=model == MODELS[0])
        for model in MODELS:
            top = [shares_in_defects(predicted(case, model), case) for case in cases]
            rows += [
                Row.of(f"{_TOP}, {table}", name, model, value=value)
                for name, value in _mean_of_named(top).items()
            ]
    return rows


def _rows(table: str, found: Scores, *, with_goals: bool) -> list[Row]:
    return [
        Row.of(table, kind, column, value=value, goal=_goal(kind, column) if with_goals else None)
        for (kind, column), value in found.items()
    ]


def _goal(kind: str, column: str) -> Goal | None:
    if column == _RATIO:
        return _RATIO_GOALS.get(kind)
    return _AWAY_GOAL if column == _RATIO_AWAY and kind in _RATIO_GOALS else None


def _mean(each: Sequence[Scores]) -> Scores:
    return {key: float(np.mean([found[key] for found in each])) for key in each[0]}


def _mean_of_named(each: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([found[name] for found in each])) for name in each[0]}


def kinds_of_defects(case: Case) -> dict[str, NDArray[np.bool_]]:
    """Return the masks ``(Z, Y, X)`` of the defects; the dark core of a delamination is apart."""
    masks = case.unseen
    masks["delamination_core"] = masks["delamination"] & ~masks["delamination_fringes"]
    return {kind: masks[kind] for kind in KINDS}


def defect_scores(result: Result, case: Case) -> Scores:
    """Compare the mutual information (MI) in every kind of defect with that of ordinary material.

    Ordinary material are the voxels outside all masks. Away from boundaries, both means are taken
    over voxels more than two voxels from any boundary, as predicted or as it truly is: a model
    that is misled draws boundaries of its own inside a defect.

    Returns
    -------
    dict
        (kind, column) to value: the ratios of means, the share of wrong voxels, the AUROC with
        which MI and MI excess tell the defect's voxels from ordinary ones, and the share of voxels
        whose grey value lies outside the range in the model's card.
    """
    information = np.asarray(result.measure("mutual_information"))
    surplus = np.asarray(result.measure("mutual_information_excess"))
    labels, truth = np.asarray(result.labels), case.labels
    away, inside = (distance_to_boundary(x, _VOXELS) > _FAR_VOXELS for x in (labels, truth))
    outside = _outside_the_training_range(result, case)
    masks = kinds_of_defects(case)
    ordinary = ~np.any(list(masks.values()), axis=0)
    found: Scores = {}
    for kind, mask in {**masks, _ANY: ~ordinary}.items():
        for column, where in ((_RATIO, True), (_RATIO_AWAY, away), (_RATIO_INSIDE, inside)):
            usual = _mean_of(information[ordinary & where])
            found[kind, column] = _mean_of(information[mask & where]) / usual
        found[kind, _WRONG] = float((labels != truth)[mask].mean())
        counted = mask | ordinary
        found[kind, _AUROC] = error_auroc(information[counted], mask[counted])
        found[kind, _AUROC_EXCESS] = error_auroc(surplus[counted], mask[counted])
        found[kind, _OUTSIDE] = float(outside[mask].mean())
    found[_ORDINARY, _WRONG] = float((labels != truth)[ordinary].mean())
    found[_ORDINARY, _OUTSIDE] = float(outside[ordinary].mean())
    return found


def shares_in_defects(result: Result, case: Case) -> dict[str, float]:
    """Return which share of the voxels with the most MI or MI excess lies in any defect."""
    defect = np.any(list(case.unseen.values()), axis=0)
    found = {"all voxels": float(defect.mean())}
    for name in ("mutual_information", "mutual_information_excess"):
        values = np.asarray(result.measure(name))
        top = values > np.percentile(values, 100.0 - _TOP_PERCENT)
        found[f"the {_TOP_PERCENT:g} % with most {name}"] = float(defect[top].mean())
    return found


def _outside_the_training_range(result: Result, case: Case) -> NDArray[np.bool_]:
    """Return which voxels are darker or brighter than all that the model's card tells of."""
    card = load_card(Path(result.record["model"]["path"]))
    if card.intensity_range is None:
        return np.zeros(result.spec.shape, bool)
    volume = read_volume(case.image)
    statistics = summarise_scan(volume, card.normalisation).statistics
    normalised, _ = normalise(volume.read(Roi.whole(volume.shape)), statistics)
    low, high = card.intensity_range
    return (normalised < low) | (normalised > high)


def _mean_of(values: NDArray[np.float32]) -> float:
    """Return the mean; NaN of nothing."""
    return float(values.mean(dtype=np.float64)) if values.size else float("nan")
