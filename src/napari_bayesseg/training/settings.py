"""Settings of a training run: one frozen record, from command line, file or Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.core.settings import validation_message
from napari_bayesseg.networks.methods import METHODS, Method
from napari_bayesseg.networks.normalisation import Statistics
from napari_bayesseg.networks.spec import VNetSpec
from napari_bayesseg.training.cycles import CyclicalSchedule
from napari_bayesseg.training.method_settings import (
    AugmentationSettings,
    DataSettings,
    HeteroscedasticSettings,
    MeanTeacherSettings,
    SghmcSettings,
)

__all__ = ["TrainingSettings"]


class TrainingSettings(BaseModel):
    """What a training run does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method = Field(description=f"One of {', '.join(METHODS)}")
    steps: int = Field(
        1500,
        ge=1,
        description="Length of a training, of each member of an ensemble, in steps",
    )
    seed: int = Field(0, ge=0, description="Seed of weights, patches, augmentation and noise")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where to train")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="Of the network's arithmetic; losses are always float32"
    )

    channels: tuple[int, ...] = Field((8, 16, 32), description="Network channels, finest first")
    kernel_size: Index3 = Field((3, 3, 3), description="Kernel of the plain convolutions")
    pooling: Index3 = Field((2, 2, 2), description="Factor between two levels")
    dropout_rate: float = Field(
        0.5, ge=0.0, lt=1.0, description="Share of channels dropped, in methods with dropout"
    )
    rho_init: float = Field(-3.0, description="Of bcnn: initial sigma is softplus(rho)")
    class_names: tuple[str, ...] = Field((), description="Names of label values 0, 1, ...")

    data: DataSettings = DataSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    heteroscedastic: HeteroscedasticSettings = HeteroscedasticSettings()
    mean_teacher: MeanTeacherSettings = MeanTeacherSettings()
    sghmc: SghmcSettings = SghmcSettings()
    num_members: int = Field(5, ge=2, le=100, description="Networks of an ensemble")

    batch_size: int = Field(2, ge=1, description="Patches a step")
    foreground_share: float = Field(
        0.5, ge=0, le=1, description="Share of patches around a voxel of a class drawn at random"
    )
    patch_shape: Index3 = Field((32, 64, 64), description="Voxels; a multiple of the stride")
    learning_rate: float = Field(2e-3, gt=0, description="Adam's, at the start")
    constant_fraction: float = Field(0.4, ge=0, le=1, description="Steps before the decay starts")
    final_learning_rate: float = Field(1 / 30, gt=0, le=1, description="At the end, as a share")

    kl_weight: float = Field(1.0, ge=0, description="Weight beta of the KL, per training voxel")
    kl_ramp_fraction: float = Field(0.3, ge=0, le=1, description="Steps until the weight is full")
    accumulate_from: float = Field(0.5, ge=0, lt=1, description="Statistics are averaged from here")
    freeze_from: float = Field(0.6, gt=0, lt=1, description="... and in force from here")

    num_validation: int = Field(2, ge=0, description="Scans held out: the last ones by name")
    validate_every: int = Field(100, ge=1, description="Steps between two validations")
    patience: int | None = Field(
        None,
        ge=1,
        description="Stop after so many validations without a better one, once statistics are in "
        "force; default never",
    )
    save_every_s: float = Field(
        30.0, ge=0, description="Seconds between two saved states, from which a run goes on"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.freeze_from <= self.accumulate_from:
            raise ValueError(
                f"freeze_from must come after accumulate_from; got {self.freeze_from:g} and "
                f"{self.accumulate_from:g}"
            )
        if self.method == "sghmc":
            self.cycles.check()
        else:
            self._check_steps()
        if self.decoder == "dropout" and self.dropout_rate == 0.0:
            raise ValueError(
                f"{self.method} needs dropout_rate above 0: without it all draws are alike"
            )
        try:
            stride = self.network_spec(2).stride
        except ValidationError as error:
            raise ValueError(validation_message(error)) from None
        if any(p % s or p == 0 for p, s in zip(self.patch_shape, stride, strict=True)):
            raise ValueError(
                f"patch_shape must be a multiple of the network's stride {stride}; "
                f"got {self.patch_shape}"
            )
        return self

    def _check_steps(self) -> None:
        near = int(self.accumulate_from * self.steps)  # rounding may put the first step beside it
        modes = [self.statistics_mode(step) for step in (near, near + 1)]
        if "accumulating" not in modes or self.statistics_mode(self.steps - 1) != "population":
            raise ValueError(
                "steps must leave one step at least between accumulate_from = "
                f"{self.accumulate_from:g} and freeze_from = {self.freeze_from:g}, and one after; "
                f"got {self.steps}: take more"
            )

    @model_validator(mode="after")
    def _ignored_label_is_no_class(self) -> Self:
        ignored = self.data.ignore_label
        if ignored is not None and ignored < len(self.class_names):
            raise ValueError(
                f"ignore_label = {ignored} can't also be the class {self.class_names[ignored]!r} "
                "of class_names: leave one of them out"
            )
        return self

    def statistics_mode(self, step: int) -> Statistics:
        """Return live, then accumulating, then population statistics for the rest of the run."""
        done = step / self.steps
        if done < self.accumulate_from:
            return "live"
        return "accumulating" if done < self.freeze_from else "population"

    @property
    def cycles(self) -> CyclicalSchedule:
        """The schedule of SGHMC."""
        return CyclicalSchedule(self.steps, self.sghmc, self.accumulate_from, self.freeze_from)

    @property
    def members(self) -> int:
        """How many trainings with seeds of their own there are."""
        return self.num_members if self.method == "ensemble" else 1

    @property
    def decoder(self) -> Literal["variational", "dropout", "point"]:
        """Where the network's randomness sits."""
        if self.method == "bcnn":
            return "variational"
        return "point" if self.method in ("sghmc", "ensemble") else "dropout"

    def network_spec(self, num_classes: int) -> VNetSpec:
        """Return the network that these settings describe."""
        return VNetSpec(
            decoder=self.decoder,
            noise=self.heteroscedastic.noise if self.method == "heteroscedastic" else "none",
            num_classes=num_classes,
            channels=self.channels,
            kernel_size=self.kernel_size,
            pooling=self.pooling,
            dropout_rate=self.dropout_rate,
            rho_init=self.rho_init,
        )

    @classmethod
    def load(cls, path: Path | None, **changes: object) -> TrainingSettings:
        """Read a JSON file; `changes` that are not None win over it.

        A change of a group's setting is named with a point, such as ``data.ignore_label``.

        Raises
        ------
        SettingsError
            If the file is not a JSON object, or a setting is unknown or out of range.
        """
        values: dict[str, object] = {}
        if path is not None:
            try:
                loaded = json.loads(path.read_text(encoding="utf-8"))
            except OSError as error:
                raise SettingsError(f"{path}: can't be read ({error.strerror})") from None
            except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
                raise SettingsError(f"{path}: training settings must be JSON ({error})") from None
            if not isinstance(loaded, dict):
                raise SettingsError(f"{path}: training settings must be one JSON object")
            values.update(loaded)
        for key, value in changes.items():
            group, _, name = key.rpartition(".")
            if value is None:
                continue
            inner = values.setdefault(group, {}) if group else None
            if inner is None:
                values[key] = value
            elif isinstance(inner, dict):  # else it is refused below
                values[group] = {**inner, name: value}
        for key in values.keys() - cls.model_fields.keys():
            raise SettingsError(
                f"{key!r} is no training setting; there are {', '.join(cls.model_fields)}"
            )
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise SettingsError(validation_message(error)) from None
