"""Scan and model of a run: opened for it, and found again for a finished result."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import torch

from napari_bayesseg.core.errors import BayesSegError, SettingsError, StoreError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.scan import NormalisedScan, summarise_scan
from napari_bayesseg.io.probabilities import read_probabilities
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.networks.checkpoint import Normalisation
from napari_bayesseg.posteriors.open import open_model
from napari_bayesseg.posteriors.probabilities import ProbabilityPosterior
from napari_bayesseg.posteriors.protocol import Posterior

__all__ = ["RunSources", "choose_device", "reopen_posterior", "reopen_scan"]


def choose_device(name: str) -> torch.device:
    """Return the device for ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    SettingsError
        If CUDA is asked for and absent.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingsError("device cuda was asked for, but torch sees no GPU; use cpu or auto")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def reopen_posterior(record: dict[str, Any]) -> Posterior:
    """Open the model of a result again.

    Raises
    ------
    StoreError
        If it has changed since.
    """
    made_by = record["model"]
    if made_by["kind"] == "probabilities":
        return ProbabilityPosterior(read_probabilities([Path(p) for p in made_by["paths"]]))
    device = choose_device("auto")
    settings = record["settings"]
    posterior, card, folder = open_model(
        made_by["path"], device, settings.get("precision", "float32"), settings.get("flips", "")
    )
    if card.weights_sha256 != made_by["weights_sha256"]:
        raise StoreError(f"{folder}: the model has changed since this result was made")
    return posterior


def reopen_scan(record: dict[str, Any], scan: Volume | None = None) -> NormalisedScan | None:
    """Open the scan of a result again and check that it is the same.

    Raises
    ------
    StoreError
        If it is gone, or its content has changed since.
    """
    if record["model"]["kind"] == "probabilities":
        return None
    made_from = record["scan"]
    if scan is None:
        if made_from["path"] is None:
            raise StoreError(
                f"{made_from['name']}: the scan was an array in memory; pass it as "
                "load_result(path, scan=volume)"
            )
        scan = read_volume(Path(made_from["path"]), axes=made_from.get("axes"))
    normalisation = Normalisation.model_validate(record["model"]["normalisation"])
    summary = summarise_scan(scan, normalisation)
    if summary.sha256 != made_from["sha256"]:
        raise StoreError(f"{made_from['name']}: the scan has changed since this result was made")
    return NormalisedScan(scan, summary.statistics)


class RunSources:
    """Scan and model of a finished run, opened when they are first asked for; from any thread.

    Parameters
    ----------
    record : dict
        Provenance of the run.
    scan : Volume, optional
        The scan, where it is at hand.
    posterior : Posterior, optional
        The model, where it is open.
    """

    def __init__(
        self, record: dict[str, Any], scan: Volume | None, posterior: Posterior | None
    ) -> None:
        self._record = record
        self._scan = scan
        self._posterior = posterior
        self._normalised: NormalisedScan | None = None
        self._lock = Lock()

    def open(self) -> tuple[Posterior, NormalisedScan | None]:
        """Return model and scan; None for a scan that the model doesn't read.

        Raises
        ------
        StoreError
            If either is gone or has changed since.
        """
        with self._lock:
            if self._posterior is None:
                self._posterior = reopen_posterior(self._record)
            return self._posterior, self._checked_scan()

    def scan(self) -> NormalisedScan | None:
        """Return the scan alone, checked; errors as for :meth:`open`."""
        with self._lock:
            return self._checked_scan()

    def unchecked_scan(self, shape: Index3) -> Volume | None:
        """Return the scan to look at; None where it can't be had, or has another shape."""
        made_from = self._record["scan"]
        if self._scan is not None or made_from["path"] is None:
            return self._scan
        try:
            scan = read_volume(Path(made_from["path"]), axes=made_from.get("axes"))
        except BayesSegError:
            return None
        return scan if scan.shape == shape else None

    def _checked_scan(self) -> NormalisedScan | None:
        if self._normalised is None:
            self._normalised = reopen_scan(self._record, self._scan)
        return self._normalised
