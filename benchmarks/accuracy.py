"""Accuracy on scans that were never trained on, and what group statistics cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.data import MODELS, Case, count_of, sample, series
from benchmarks.predictions import NUM_SAMPLES, predicted
from benchmarks.rows import Goal, Row, at_least
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.block import predict_block
from napari_bayesseg.inference.result import Result
from napari_bayesseg.inference.scan import NormalisedScan, summarise_scan
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.networks.checkpoint import load_card, load_network
from napari_bayesseg.networks.model_folders import find_model
from napari_bayesseg.numerics.error_detection import accuracy, error_auroc
from napari_bayesseg.numerics.overlap import dice_per_class
from napari_bayesseg.numerics.uncertainty import MEASURES
from napari_bayesseg.posteriors.network import NetworkPosterior

__all__ = ["run", "scores"]

Scores = dict[str, float]

_ORDINARY = "ordinary scans"
_GOALS: Mapping[str, Goal] = {
    "Dice of pore": at_least(0.98),
    "Dice of particle": at_least(0.98),
    "Dice of binder": at_least(0.82),
    "AUROC of a wrong voxel by predictive_entropy": at_least(0.97),
}


def run(quick: bool) -> list[Row]:
    """Score both models on ordinary scans and on the sample, without and with its defects."""
    ordinary = series("test", count_of(quick))
    rows: list[Row] = []
    for model in MODELS:
        each = [scores(predicted(case, model), case) for case in ordinary]
        rows += _rows(f"{_ORDINARY} (mean of {len(each)})", model, _mean(each), _GOALS)
    for model in MODELS:
        case = sample()
        found = predicted(case, model)
        defects = np.any(list(case.unseen.values()), axis=0)
        rows += _rows("sample without its defects", model, scores(found, case, ~defects), {})
        rows += _rows("sample with its defects", model, scores(found, case), {})
    for model in MODELS:
        rows += _compare_statistics(model, ordinary)
    return rows


def _rows(table: str, model: str, found: Scores, goals: Mapping[str, Goal]) -> list[Row]:
    return [
        Row.of(table, name, model, value=value, goal=goals.get(name))
        for name, value in found.items()
    ]


def _mean(each: Sequence[Scores]) -> Scores:
    return {name: float(np.mean([found[name] for found in each])) for name in each[0]}


def scores(result: Result, case: Case, counted: NDArray[np.bool_] | None = None) -> Scores:
    """Compare a prediction with the truth.

    Parameters
    ----------
    result : Result
    case : Case
    counted : (Z, Y, X) bool, optional
        Voxels to look at; default all.

    Returns
    -------
    dict
        Dice of every class, share of right voxels, negative log-likelihood (nats a voxel) and, for
        every measure, the AUROC with which it tells wrong voxels from right ones.
    """
    truth = case.labels
    where = np.ones(truth.shape, bool) if counted is None else counted
    truth, labels = truth[where], np.asarray(result.labels)[where]
    dice = dice_per_class(labels, truth, len(result.class_names))
    found = {
        f"Dice of {name}": float(value)
        for name, value in zip(result.class_names, dice, strict=True)
    }
    found["share of right voxels"] = accuracy(labels, truth)
    mean = np.asarray(result.mean_probability)[:, where]
    of_truth = np.take_along_axis(mean, truth[np.newaxis].astype(np.intp), axis=0)
    smallest = np.finfo(np.float32).tiny
    likelihood = np.log(np.maximum(of_truth, smallest), dtype=np.float64)
    found["negative log-likelihood (nat)"] = float(-likelihood.mean())
    for measure in MEASURES:
        values = np.asarray(result.measure(measure))[where]
        found[f"AUROC of a wrong voxel by {measure}"] = error_auroc(values, labels != truth)
    return found


def _compare_statistics(model: str, cases: Sequence[Case]) -> list[Row]:
    """Share of wrong voxels with population and with live statistics of the group norms."""
    folder = find_model(model)
    card = load_card(folder)
    posterior = NetworkPosterior(load_network(folder, card), statistics="live")
    wrong: dict[str, list[float]] = {"population": [], "live, whole volume at once": []}
    draws = [posterior.draw(index, seed=0) for index in range(NUM_SAMPLES)]
    for case in cases:
        volume, truth = read_volume(case.image), case.labels
        scan = NormalisedScan(volume, summarise_scan(volume, card.normalisation).statistics)
        whole = predict_block(
            posterior,
            draws,
            Roi.whole(volume.shape),
            volume.shape,
            scan.read,
            measures=(),
            percentiles=(20.0, 80.0),
            num_threads=torch.get_num_threads(),
        )
        population = np.asarray(predicted(case, model).labels)
        wrong["population"].append(1.0 - accuracy(population, truth))
        wrong["live, whole volume at once"].append(1.0 - accuracy(whole.labels, truth))
    table = f"share of wrong voxels, {_ORDINARY} (mean of {len(cases)})"
    return [
        Row.of(table, f"group statistics: {name}", model, value=float(np.mean(values)))
        for name, values in wrong.items()
    ]
