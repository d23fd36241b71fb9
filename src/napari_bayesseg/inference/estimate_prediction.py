"""What a prediction would need, told without reading the scan or writing anything."""

from __future__ import annotations

from pathlib import Path

from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.core.volume import VolumeSpec
from napari_bayesseg.inference.estimate import RunEstimate, estimate_run
from napari_bayesseg.inference.run import check_out, plan_run, within_distinct
from napari_bayesseg.inference.sources import choose_device
from napari_bayesseg.io.result_store import ResultStore
from napari_bayesseg.io.store_layout import StoreLayout
from napari_bayesseg.numerics.uncertainty import MEASURES, get_measure
from napari_bayesseg.posteriors.open import open_model

__all__ = ["estimate_prediction"]


def estimate_prediction(
    spec: VolumeSpec,
    model: str | Path,
    out: str | Path,
    settings: InferenceSettings,
    *,
    overwrite: bool = False,
) -> RunEstimate:
    """Estimate a call of :func:`~napari_bayesseg.predict`; times a small block on this machine.

    Parameters
    ----------
    spec : VolumeSpec
        Of the scan.
    model : str or path
    out : path
        Where the result would go. The blocks that are finished there are left out, unless
        `overwrite`; whether it holds the result of another run is found only by the prediction.
    settings : InferenceSettings
    overwrite : bool

    Returns
    -------
    RunEstimate

    Raises
    ------
    SettingsError, CheckpointError, StoreError, FormatError
        For the reasons for which the prediction would refuse, but those of the scan's content.
    """
    for name in settings.measures:
        get_measure(name)
    device = choose_device(settings.device)
    posterior, card, folder = open_model(model, device, settings.precision, settings.flips)
    settings = within_distinct(settings, posterior)
    place = Path(out)
    check_out(place, (spec.source, folder))
    plan = plan_run(posterior, spec.shape, settings, place, overwrite=overwrite)
    finished = set() if overwrite or not place.exists() else ResultStore.open(place).ledger.rows()
    layout = StoreLayout(
        spec.shape,
        plan.block_shape,
        plan.grid,
        spec.geometry,
        card.class_names,
        {name: MEASURES[name].unit for name in settings.measures or MEASURES},
        num_samples=settings.num_samples,
        store_dtype=settings.store_dtype,
    )
    missing = [block for block in plan.blocks() if block.index not in finished]
    return estimate_run(posterior, missing, layout, settings)
