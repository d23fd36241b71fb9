"""The shipped model on the test scans: what its card says must come out again."""

from __future__ import annotations

from benchmarks.methods.contenders import NUM_SAMPLES, SHIPPED_MODEL
from benchmarks.methods.data import HIPPOCAMPUS, load_data
from benchmarks.methods.prediction import Predictor
from benchmarks.methods.scores import judge
from benchmarks.methods.statistics import Sample
from benchmarks.rows import Row, skipped
from benchmarks.shifts import IN_DOMAIN
from napari_bayesseg.core.errors import CheckpointError
from napari_bayesseg.networks.model_folders import find_model

__all__ = ["shipped_rows"]

_SCORES = {
    "dice": "Dice",
    "auroc": "AUROC of an error, entropy",
    "at_5_percent": "errors among the 5 % most uncertain",
    "ece": "ECE",
    "nll": "NLL (nat)",
}


def shipped_rows() -> list[Row]:
    """Judge the shipped model on the test scans as they are."""
    try:
        folder = find_model(SHIPPED_MODEL)
    except CheckpointError as error:
        return [skipped(str(error))]
    data = load_data(HIPPOCAMPUS)
    predictor = Predictor(folder)
    found = [
        judge(predictor, data.class_names, case, IN_DOMAIN, NUM_SAMPLES) for case in data.testing
    ]
    table = f"{SHIPPED_MODEL}, {len(found)} test scans"
    return [
        Row.of(table, title, "value", value=Sample.of([[case[score] for case in found]]).mean)
        for score, title in _SCORES.items()
    ]
