"""How the settings of a training look in its form: label, group, and for which methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from napari_bayesseg.networks.methods import Method
from napari_bayesseg.training.settings import TrainingSettings

__all__ = [
    "CHOSEN_ELSEWHERE",
    "FIELDS",
    "GROUPS",
    "TrainingField",
    "field_of",
    "nested",
    "value_of",
]

_DROPOUT: tuple[Method, ...] = ("mc-dropout", "heteroscedastic", "ua-mt")


@dataclass(frozen=True)
class TrainingField:
    """How a field of the settings looks.

    Attributes
    ----------
    label : str
        Short, with the unit.
    group : str
        Under which heading; empty for what everybody sets.
    methods : tuple of str
        For which methods it counts; empty for all.
    empty : str
        What stands in its line where nothing is chosen.
    """

    label: str
    group: str = ""
    methods: tuple[Method, ...] = ()
    empty: str = ""


GROUPS = ("Network", "Patches", "Augmentation", "Optimiser", "Method", "Run", "Files")
"""The headings under *More settings*, in their order."""

FIELDS: Mapping[str, TrainingField] = {
    "steps": TrainingField("Steps"),
    "num_validation": TrainingField("Held out"),
    "device": TrainingField("Device"),
    "channels": TrainingField("Channels", "Network"),
    "kernel_size": TrainingField("Kernel (z, y, x)", "Network"),
    "pooling": TrainingField("Pooling (z, y, x)", "Network"),
    "patch_shape": TrainingField("Patch (voxels)", "Patches"),
    "batch_size": TrainingField("Patches a step", "Patches"),
    "foreground_share": TrainingField("Class share", "Patches"),
    "augmentation.flip": TrainingField("Mirror", "Augmentation"),
    "augmentation.transpose": TrainingField("Swap y and x", "Augmentation"),
    "augmentation.gain": TrainingField("Gain", "Augmentation"),
    "augmentation.shift": TrainingField("Shift (SD)", "Augmentation"),
    "augmentation.rotate": TrainingField("Turn (degrees)", "Augmentation"),
    "augmentation.tilt": TrainingField("Tilt (degrees)", "Augmentation"),
    "augmentation.zoom": TrainingField("Zoom", "Augmentation"),
    "augmentation.noise": TrainingField("Noise (SD)", "Augmentation"),
    "augmentation.blur": TrainingField("Blur (voxels)", "Augmentation"),
    "augmentation.gamma": TrainingField("Gamma", "Augmentation"),
    "augmentation.bias_field": TrainingField("Bias field", "Augmentation"),
    "augmentation.ghost": TrainingField("Ghosts", "Augmentation"),
    "augmentation.probability": TrainingField("Probability", "Augmentation"),
    "learning_rate": TrainingField("Learning rate", "Optimiser"),
    "constant_fraction": TrainingField("Constant for", "Optimiser"),
    "final_learning_rate": TrainingField("Final rate", "Optimiser"),
    "accumulate_from": TrainingField("Average from", "Optimiser"),
    "freeze_from": TrainingField("Freeze from", "Optimiser"),
    "dropout_rate": TrainingField("Dropout", "Method", _DROPOUT),
    "rho_init": TrainingField("Initial rho", "Method", ("bcnn",)),
    "kl_weight": TrainingField("KL weight", "Method", ("bcnn",)),
    "kl_ramp_fraction": TrainingField("KL ramp", "Method", ("bcnn",)),
    "num_members": TrainingField("Members", "Method", ("ensemble",)),
    "heteroscedastic.loss": TrainingField("Loss", "Method", ("heteroscedastic",)),
    "heteroscedastic.noise": TrainingField("Noise", "Method", ("heteroscedastic",)),
    "heteroscedastic.num_noise_samples": TrainingField(
        "Noise samples", "Method", ("heteroscedastic",)
    ),
    "mean_teacher.num_samples": TrainingField("Teacher passes", "Method", ("ua-mt",)),
    "mean_teacher.unlabelled_batch_size": TrainingField("Unlabelled", "Method", ("ua-mt",)),
    "mean_teacher.input_noise": TrainingField("Input noise", "Method", ("ua-mt",)),
    "mean_teacher.ema_decay": TrainingField("Averaging", "Method", ("ua-mt",)),
    "mean_teacher.consistency_weight": TrainingField("Consistency", "Method", ("ua-mt",)),
    "mean_teacher.consistency_ramp": TrainingField("Its ramp", "Method", ("ua-mt",)),
    "mean_teacher.threshold_ramp": TrainingField("Threshold ramp", "Method", ("ua-mt",)),
    "sghmc.num_cycles": TrainingField("Cycles", "Method", ("sghmc",)),
    "sghmc.snapshots_per_cycle": TrainingField("Snapshots", "Method", ("sghmc",)),
    "sghmc.burn_in_cycles": TrainingField("Burn-in cycles", "Method", ("sghmc",)),
    "sghmc.friction": TrainingField("Friction", "Method", ("sghmc",)),
    "sghmc.temperature": TrainingField("Temperature", "Method", ("sghmc",)),
    "sghmc.sampling_share": TrainingField("Sampling share", "Method", ("sghmc",)),
    "sghmc.learning_rate": TrainingField("Learning rate", "Method", ("sghmc",)),
    "sghmc.prior_scale": TrainingField("Prior scale", "Method", ("sghmc",)),
    "seed": TrainingField("Seed", "Run"),
    "precision": TrainingField("Precision", "Run"),
    "validate_every": TrainingField("Check every", "Run"),
    "patience": TrainingField("Patience", "Run", empty="never stop early"),
    "save_every_s": TrainingField("Save every (s)", "Run"),
    "data.scan_dataset": TrainingField("Scan dataset", "Files"),
    "data.label_dataset": TrainingField("Label dataset", "Files"),
    "data.axes": TrainingField("Axes", "Files", empty="as the files say"),
    "data.ignore_label": TrainingField("Ignored label", "Files", empty="none"),
}
"""By the field's name, those of a group's behind a dot; in the order of the form."""

CHOSEN_ELSEWHERE = ("method", "class_names")
"""What has a place of its own in the tab."""


def field_of(name: str) -> FieldInfo:
    """Return the field of the settings that a name of :data:`FIELDS` means."""
    group, _, leaf = name.rpartition(".")
    if not group:
        return TrainingSettings.model_fields[leaf]
    model = TrainingSettings.model_fields[group].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return model.model_fields[leaf]


def value_of(settings: TrainingSettings, name: str) -> Any:
    """Return what settings say for a name of :data:`FIELDS`."""
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Turn values by dotted name into the groups that the settings have."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        group, _, leaf = name.rpartition(".")
        (result.setdefault(group, {}) if group else result)[leaf] = value
    return result
