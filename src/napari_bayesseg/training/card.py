"""The model card of a training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from napari_bayesseg.networks.checkpoint import ModelCard, Normalisation, Spacing
from napari_bayesseg.training.dataset import TrainingCase
from napari_bayesseg.training.loop import Fitted
from napari_bayesseg.training.progress import NetworkRecord
from napari_bayesseg.training.settings import TrainingSettings

__all__ = ["make_card"]


def make_card(
    name: str,
    settings: TrainingSettings,
    normalisation: Normalisation,
    training: Sequence[TrainingCase],
    unlabelled: Sequence[TrainingCase],
    fitted: Fitted,
) -> ModelCard:
    """Return the card without what people say about the model, and without scores."""
    spec, record = fitted.networks[0].spec, fitted.record
    names = settings.class_names + tuple(
        f"class {index}" for index in range(len(settings.class_names), spec.num_probabilities)
    )
    spacings = np.array([case.geometry.spacing for case in training])
    z, y, x = np.median(spacings, axis=0).tolist()
    about = {
        "settings": settings.model_dump(mode="json"),
        "scans": [case.name for case in training],
        "voxels": record.num_training_voxels,
        "parameters": sum(p.numel() for n in fitted.networks for p in n.parameters()),
        "best_step": record.best_step,
        "validation_nats_per_voxel": _finite(record.best_validation),
        "kl_divergence_nats": round(record.kl_divergence_nats, 1),
        "minutes": round(record.seconds / 60, 2),
        "torch": torch.__version__.split("+")[0],
        "threads": torch.get_num_threads(),
    }
    if unlabelled:
        about["unlabelled_scans"] = [case.name for case in unlabelled]
    if len(record.networks) > 1:
        about["networks"] = [_network(network) for network in record.networks]
    return ModelCard(
        name=name,
        method=settings.method,
        network=spec,
        members=len(fitted.networks),
        class_names=names,
        normalisation=normalisation,
        spacing=Spacing(zyx=(z, y, x), unit=training[0].geometry.unit),
        intensity_range=record.intensity_range,
        training=about,
    )


def _finite(value: float) -> float | None:
    return round(value, 5) if np.isfinite(value) else None


def _network(record: NetworkRecord) -> dict[str, float | None]:
    found: dict[str, float | None] = {"member": record.member, "step": record.step}
    return {**found, "validation_nats_per_voxel": _finite(record.validation)}
