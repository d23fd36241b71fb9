"""What a run is made of, and how a face follows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_bayesseg.core.geometry import Geometry, Index3
from napari_bayesseg.inference.estimate import RunEstimate
from napari_bayesseg.inference.left_out import LeavingOut
from napari_bayesseg.inference.progress import RunProgress
from napari_bayesseg.inference.scan import NormalisedScan
from napari_bayesseg.posteriors.protocol import Posterior

__all__ = ["Job", "RunHooks"]


@dataclass(frozen=True)
class RunHooks:
    """How a face follows a run.

    Attributes
    ----------
    opened : callable
        Receives the store's path once it exists; what is finished in it can be shown.
    estimated : callable or None
        Receives the :class:`RunEstimate` before the first block; None: nothing is estimated, which
        saves timing this machine.
    progress : callable
        Receives a :class:`RunProgress` after each draw and block.
    should_stop : callable
        Asked between two draws.
    """

    opened: Callable[[Path], None] = lambda _: None
    estimated: Callable[[RunEstimate], None] | None = None
    progress: Callable[[RunProgress], None] = lambda _: None
    should_stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class Job:
    """Everything that a run needs, opened and checked.

    Attributes
    ----------
    posterior : Posterior
    scan : NormalisedScan or None
        None where the posterior reads no scan.
    shape, geometry
        Of the scan.
    scan_entry, model_entry : mapping
        Provenance of both.
    model_identity : mapping
        What of the model changes the numbers.
    class_names : tuple of str
    leaving_out : LeavingOut or None
        Which blocks aren't computed.
    scan_path : Path or None
        Where other processes read the scan from (with the axes of `scan_entry`); None where it
        was handed over in memory.
    """

    posterior: Posterior
    scan: NormalisedScan | None
    shape: Index3
    geometry: Geometry
    scan_entry: Mapping[str, Any]
    model_entry: Mapping[str, Any]
    model_identity: Mapping[str, Any]
    class_names: tuple[str, ...]
    leaving_out: LeavingOut | None = None
    scan_path: Path | None = None
