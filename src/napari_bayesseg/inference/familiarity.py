"""Whether a scan looks like those that a model was trained on.

A network answers whatever it is shown. Its card says which voxel spacing, which grey values and
how much disagreement between draws were usual in training; far outside of these, neither labels
nor uncertainty should be trusted without a look.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_bayesseg.core.errors import CheckpointError, GeometryError
from napari_bayesseg.core.geometry import Geometry, convert_length
from napari_bayesseg.networks.checkpoint import ModelCard, load_card
from napari_bayesseg.networks.model_folders import find_model

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result

__all__ = ["unfamiliar_disagreement", "unfamiliar_result", "unfamiliar_scan"]

_SPACING_FACTOR = 1.5
_INTENSITY_SHARE = 0.25  # of the width of the range in training, beyond either end
_DISAGREEMENT_FACTOR = 3.0
_MEASURE = "mutual_information"


def unfamiliar_scan(
    card: ModelCard, geometry: Geometry, statistics: Mapping[str, Any]
) -> tuple[str, ...]:
    """Compare voxel spacing and grey values with those in training.

    Parameters
    ----------
    card : ModelCard
        What it leaves out is not compared.
    geometry : Geometry
        Of the scan.
    statistics : mapping
        The fields of :class:`~napari_bayesseg.numerics.voxel_statistics.IntensityStatistics`.

    Returns
    -------
    tuple of str
        One sentence for everything that is out of the ordinary; empty where nothing is.
    """
    return (*_unfamiliar_spacing(card, geometry), *_unfamiliar_intensities(card, statistics))


def unfamiliar_disagreement(result: Result) -> tuple[str, ...]:
    """Compare the mean mutual information of a result with that on the model's held-out scans.

    Reads the map once, block by block. Empty where the model's folder is gone.
    """
    card = _card_of(result)
    usual = card.scores.get("mean_mutual_information_nats") if card is not None else None
    if not usual or _MEASURE not in result.measures:
        return ()
    found = _mean(result)
    if found <= _DISAGREEMENT_FACTOR * usual:
        return ()
    return (
        f"the draws disagree {found / usual:.1f} times as much as on the scans that the model was "
        f"tested on (mean mutual information {found:.2g} against {usual:.2g} nat)",
    )


def unfamiliar_result(result: Result) -> tuple[str, ...]:
    """Return everything about a result that is unlike its model's training.

    Empty for probabilities made elsewhere, and where the model's folder is gone.
    """
    card = _card_of(result)
    if card is None:
        return ()
    before = unfamiliar_scan(card, result.geometry, result.record["model"]["statistics"])
    return (*before, *unfamiliar_disagreement(result))


def _unfamiliar_spacing(card: ModelCard, geometry: Geometry) -> tuple[str, ...]:
    if card.spacing is None:
        return ()
    trained, unit = card.spacing.zyx, card.spacing.unit
    wanted = f"the model was trained at {_lengths(trained)} {unit}"
    try:
        spacing = [convert_length(length, geometry.unit, unit) for length in geometry.spacing]
    except GeometryError:
        return (f"the scan's voxel size is in {geometry.unit}; {wanted}",)
    ratios = np.asarray(spacing) / np.asarray(trained)
    if np.all((ratios < _SPACING_FACTOR) & (ratios > 1 / _SPACING_FACTOR)):
        return ()
    return (f"voxels of {_lengths(geometry.spacing)} {geometry.unit}; {wanted}",)


def _unfamiliar_intensities(card: ModelCard, statistics: Mapping[str, Any]) -> tuple[str, ...]:
    if card.intensity_range is None or not statistics["std"] > 0:
        return ()
    low, high = (
        (statistics[end] - statistics["mean"]) / statistics["std"] for end in ("low", "high")
    )
    darkest, brightest = card.intensity_range
    slack = _INTENSITY_SHARE * (brightest - darkest)
    if low >= darkest - slack and high <= brightest + slack:
        return ()
    return (
        f"grey values reach from {low:.1f} to {high:.1f} standard deviations of the mean; in "
        f"training they reached from {darkest:.1f} to {brightest:.1f}",
    )


def _lengths(values: tuple[float, ...]) -> str:
    return " x ".join(f"{value:.3g}" for value in values)


def _card_of(result: Result) -> ModelCard | None:
    made_by = result.record["model"]
    if made_by["kind"] != "network":
        return None
    try:
        return load_card(find_model(made_by["path"]))
    except CheckpointError:
        return None


def _mean(result: Result) -> float:
    """Mean of the mutual information over the finished, finite voxels, in nats."""
    values = result.measure(_MEASURE)
    total, count = 0.0, 0
    for block in result.plan.blocks():
        piece = np.asarray(values[block.core.slices])
        total += float(np.nansum(piece, dtype=np.float64))
        count += int(np.isfinite(piece).sum())
    return total / count if count else 0.0
