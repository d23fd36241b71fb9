"""The recommended model as it is shipped: ``python -m benchmarks.methods.ship OUT``.

The networks of the longer runs, as the study has trained them, with a card for people and the
scores on the test scans.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.methods.contenders import SHIPPED
from benchmarks.methods.data import HIPPOCAMPUS_LONGER, load_data
from benchmarks.methods.results import Results
from benchmarks.methods.runs import all_runs
from benchmarks.methods.scores import Task
from benchmarks.methods.training import model_folder, training_seconds
from benchmarks.shifts import IN_DOMAIN
from napari_bayesseg.networks.checkpoint import (
    ModelCard,
    load_card,
    load_networks,
    save_model,
)
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.training.dataset import load_cases
from napari_bayesseg.training.scores import score_cases

__all__ = ["main"]

_DATA = (
    "Medical Segmentation Decathlon Task04 Hippocampus: 80 crops of T1-weighted MRI with manual "
    "labels (64 to train on, 16 to choose by), Simpson et al. 2019 (arXiv:1902.09063), "
    "CC BY-SA 4.0"
)
_LICENCE = "CC-BY-SA-4.0"
_LARGEST_BYTES = 5_000_000
_SCORES = {
    "at_5_percent": "error_removed_at_5_percent",
    "ece": "expected_calibration_error",
    "nll": "negative_log_likelihood",
    "brier": "brier_score",
    "aurc": "aurc",
}
"""Of the study, under the names of evaluations."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the model folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.methods.ship", description=__doc__)
    parser.add_argument("out", type=Path, help="model folder to write; its name is the model's")
    out: Path = parser.parse_args(arguments).out
    runs = all_runs(HIPPOCAMPUS_LONGER)
    run = next(r for r in runs if r.name == SHIPPED.run and r.settings.seed == 0)
    folder = model_folder(run)
    card = load_card(folder)
    networks = load_networks(folder, card)
    if SHIPPED.num_samples is not None:
        networks = networks[: SHIPPED.num_samples]
    training = {
        **{key: value for key, value in card.training.items() if key != "networks"},
        "networks": card.training.get("networks", [])[: len(networks)],
        "parameters": sum(p.numel() for network in networks for p in network.parameters()),
        "processor_seconds": training_seconds(run),
        "trained_members": card.members,
    }
    card = card.model_copy(
        update={
            "name": out.name,
            "title": f"Anterior and posterior hippocampus in T1-weighted MRI, {SHIPPED.name}",
            "data": _DATA,
            "licence": _LICENCE,
            "members": len(networks),
            "training": training,
        }
    )
    scores = _scores(card, networks, Task(SHIPPED, run, "testing", (IN_DOMAIN,)))
    card = card.model_copy(update={"scores": scores})
    save_model(out, card, *networks)
    size = sum(file.stat().st_size for file in out.iterdir())
    sys.stderr.write(f"{out}: {size / 1e6:.2f} MB\n")
    return int(size > _LARGEST_BYTES)


def _scores(card: ModelCard, networks: Sequence[VNet], task: Task) -> dict[str, Any]:
    """Return what every card has, and the study's scores, all of the test scans."""
    testing = load_data(HIPPOCAMPUS_LONGER).testing
    cases = load_cases(testing, task.run.settings, card.normalisation)
    results = Results.load(HIPPOCAMPUS_LONGER, [task.contender], [task])
    found = {
        title: round(results.sample(task.contender.name, name).mean, 5)
        for name, title in _SCORES.items()
    }
    return {**score_cases(card, networks, cases), **found}


if __name__ == "__main__":
    sys.exit(main())
