"""Where a result goes, and what is there already. No Qt: it looks at the disk, off the GUI thread.

Nothing is overwritten silently: what is found at a place decides what is offered there.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_documents_path

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.result import Result
from napari_bayesseg.io.numbered import numbered_paths
from napari_bayesseg.io.provenance import first_difference
from napari_bayesseg.io.result_store import ResultStore, is_result_store
from napari_bayesseg.io.sample_data import sample_folder
from napari_bayesseg.networks.checkpoint import load_card
from napari_bayesseg.numerics.uncertainty import MEASURES
from napari_bayesseg.session.prediction import PredictionRequest

__all__ = ["Target", "default_place", "first_free", "look_at"]

_TRIES = 100


@dataclass(frozen=True)
class Target:
    """What lies at the place of a result.

    Attributes
    ----------
    path : Path
    kind : {"new", "resume", "finished", "other", "blocked"}
        Nothing; an unfinished or finished result of this run; a result of another run; something
        that is no result, or can't be read.
    message : str
        One line for people; empty for ``"new"``.
    done, total : int
        Finished blocks, and all of them, of a result of this run.
    """

    path: Path
    kind: Literal["new", "resume", "finished", "other", "blocked"]
    message: str = ""
    done: int = 0
    total: int = 0


def default_place(scan_folder: Path | None, scan_name: str, model_name: str) -> Path:
    """Return where a result goes by itself.

    Beside the scan where that can be written to and is no part of an installed package; else in
    the person's documents.
    """
    plain = re.sub(r"[^\w.+-]+", "_", scan_name).strip("._") or "scan"
    name = f"{plain}_{re.sub(r'[^A-Za-z0-9._-]+', '_', model_name)}.zarr"
    if scan_folder is not None and _is_place_for_results(scan_folder):
        return scan_folder / name
    return user_documents_path() / "napari-bayesseg" / name


def _is_place_for_results(folder: Path) -> bool:
    folder = folder.resolve()
    if {"site-packages", "dist-packages"} & set(folder.parts):
        return False
    try:
        samples: Path | None = sample_folder().resolve()
    except BayesSegError:
        samples = None
    return folder != samples and folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def first_free(request: PredictionRequest) -> Target:
    """Return the first of ``name.zarr``, ``name_2.zarr``, ... that holds no other run's result."""
    paths = numbered_paths(request.out, suffix=request.out.suffix, joint="_")
    for path in islice(paths, _TRIES):
        target = look_at(replace(request, out=path))
        if target.kind not in ("other", "blocked"):
            break
    return target


def look_at(request: PredictionRequest) -> Target:
    """Look at a request's place; the scan itself is not read.

    Whether a result was made from the very same voxels is found by the prediction, which refuses
    to continue another scan's.
    """
    path = request.out
    if not path.exists():
        return Target(path, "new")
    if not is_result_store(path):
        return Target(
            path,
            "blocked",
            f"{path.name} exists and is no result of napari-bayesseg: choose another name",
        )
    try:
        store = ResultStore.open(path)
        difference = _difference(store.record, request)
        done, total = len(store.ledger.rows()), len(Result(store).plan.blocks())
    except BayesSegError as error:
        return Target(path, "blocked", str(error))
    except (KeyError, TypeError, ValueError):
        return Target(path, "blocked", f"{path.name} is damaged: choose another name")
    if difference is not None:
        difference = difference.removeprefix("settings ").replace("_", " ")
        return Target(path, "other", f"{path.name} holds the result of another run ({difference})")
    if done < total:
        message = f"{path.name} was begun: {done} of {total} blocks are done"
        return Target(path, "resume", message, done, total)
    return Target(path, "finished", f"{path.name} is finished", done, total)


def _difference(record: dict[str, Any], request: PredictionRequest) -> str | None:
    """Return the first thing in which a result was made otherwise, in words."""
    there = record.get("identity")
    if there is None or record["model"].get("kind") != "network":
        return "made from probabilities, without a model"
    return first_difference(_comparable(there, request), _identity(request))


def _identity(request: PredictionRequest) -> dict[str, Any]:
    """Return what of a run's identity is known before the scan is read."""
    settings, spec = request.settings, request.scan.spec
    card = load_card(Path(request.model))
    most = card.most_draws(settings.flips)
    identity: dict[str, Any] = {
        "scan": {
            "shape": list(spec.shape),
            "affine": [list(row) for row in spec.geometry.affine],
            "unit": spec.geometry.unit,
        },
        "model": card.identity,
        "settings": {
            "num_samples": min(settings.num_samples, most or settings.num_samples),
            "seed": settings.seed,
            "roi": settings.roi or str(Roi.whole(spec.shape)),
            "measures": list(settings.measures or MEASURES),
            "percentiles": list(settings.percentiles),
            **settings.deviations,
        },
    }
    if settings.block_shape is not None:
        identity["settings"]["block_shape"] = list(map(min, settings.block_shape, spec.shape))
    return identity


def _comparable(there: dict[str, Any], request: PredictionRequest) -> dict[str, Any]:
    """Leave out of a stored identity what is not known yet."""
    scan = {key: value for key, value in there["scan"].items() if key != "sha256"}
    settings = dict(there["settings"])
    if request.settings.block_shape is None:
        settings.pop("block_shape", None)
    return {**there, "scan": scan, "settings": settings}
