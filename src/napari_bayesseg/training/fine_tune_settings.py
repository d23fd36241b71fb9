"""Settings of a fine-tuning: how long, how fast, and how firmly the rest is held."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.core.settings import validation_message

__all__ = ["FineTuneSettings"]


class FineTuneSettings(BaseModel):
    """What a fine-tuning does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float | None = Field(
        120.0, gt=0, description="Time for all networks together; none: as long as the steps take"
    )
    steps: int | None = Field(
        None, ge=1, description="Most steps of each network; without seconds the result repeats"
    )
    seed: int = Field(0, ge=0, description="Seed of patches, changes of them, and noise")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where to train")
    batch_size: int = Field(2, ge=2, description="Patches a step, one of them elsewhere at least")
    patch_shape: Index3 | None = Field(
        None, description="Voxels, a multiple of the stride; as the model was trained by default"
    )
    reviewed_share: float = Field(
        0.5, gt=0, lt=1, description="Share of patches around voxels that somebody has reviewed"
    )
    learning_rate: float = Field(5e-4, gt=0, description="Adam's, at the start")
    final_learning_rate: float = Field(1 / 30, gt=0, le=1, description="At the end, as a share")
    consistency_weight: float = Field(
        3.0, ge=0, description="Of staying with the original where nobody looked"
    )
    kl_weight: float = Field(
        1.0, ge=0, description="Of bcnn: of staying with the original's posterior of the weights"
    )
    gain: float = Field(0.05, ge=0, lt=1, description="Grey values times 1 +- gain")
    shift: float = Field(0.05, ge=0, description="Grey values +- shift, standard deviations")

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.seconds is None and self.steps is None:
            raise ValueError("a fine-tuning needs an end: set seconds, steps or both")
        return self

    @classmethod
    def checked(cls, **values: object) -> FineTuneSettings:
        """Return settings; SettingsError instead of pydantic's error."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise SettingsError(validation_message(error)) from None
