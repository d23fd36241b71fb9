"""Settings that belong to one part of a training run: its data, augmentation, or method."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AugmentationSettings",
    "DataSettings",
    "HeteroscedasticSettings",
    "MeanTeacherSettings",
    "SghmcSettings",
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataSettings(_Frozen):
    """How scans and labels are read."""

    scan_dataset: str = Field("image", description="Of HDF5 files: where the scan is")
    label_dataset: str = Field("label", description="Of HDF5 files: where the labels are")
    axes: str | None = Field(None, description="Order of the stored axes where they can't be told")
    ignore_label: int | None = Field(
        None, ge=0, le=65535, description="Label value of voxels that nobody has labelled"
    )


class AugmentationSettings(_Frozen):
    """Random changes of patches; grey values are in standard deviations of the scan."""

    flip: bool = Field(True, description="Mirror along every axis")
    transpose: bool = Field(True, description="Swap y and x (equal spacing only)")
    gain: float = Field(0.07, ge=0, lt=1, description="Grey values times 1 +- gain")
    shift: float = Field(0.1, ge=0, description="Grey values plus +- shift")
    rotate: float = Field(0.0, ge=0, le=180, description="Turned by +- degrees in the yx plane")
    tilt: float = Field(0.0, ge=0, le=180, description="Turned by +- degrees about y and x")
    zoom: float = Field(0.0, ge=0, lt=1, description="Larger or smaller by a share up to this")
    noise: float = Field(0.0, ge=0, description="Gaussian noise up to this standard deviation")
    blur: float = Field(0.0, ge=0, description="Gaussian blur up to this sigma, voxels")
    gamma: float = Field(0.0, ge=0, le=3, description="Contrast exponent from e^-gamma to e^gamma")
    bias_field: float = Field(0.0, ge=0, le=2, description="Smooth gain field up to this strength")
    ghost: float = Field(0.0, ge=0, le=1, description="Motion ghosts up to this share of the scan")
    probability: float = Field(
        0.3, ge=0, le=1, description="Of each change from rotate on, for each patch"
    )


class HeteroscedasticSettings(_Frozen):
    """Logits with predicted noise (Kendall and Gal 2017)."""

    loss: Literal["likelihood", "distortion"] = Field(
        "likelihood",
        description="likelihood: of the mean softmax over noise samples; distortion: cross-entropy "
        "weighted by how much noise changes it",
    )
    noise: Literal["logit", "voxel"] = Field(
        "logit", description="One variance for each logit, or one a voxel"
    )
    num_noise_samples: int = Field(10, ge=2, description="Noise samples of each logit in training")


class MeanTeacherSettings(_Frozen):
    """Uncertainty-aware mean teacher (Yu et al. 2019); ramps are shares of all steps."""

    num_samples: int = Field(8, ge=2, description="Noisy passes of the teacher")
    unlabelled_batch_size: int = Field(2, ge=1, description="Unlabelled patches a step")
    input_noise: float = Field(0.1, ge=0, description="Of the teacher's input; clipped at twice it")
    ema_decay: float = Field(0.99, ge=0, lt=1, description="Of the teacher's moving average")
    consistency_weight: float = Field(0.1, ge=0, description="Largest weight of the consistency")
    consistency_ramp: float = Field(0.4, gt=0, le=1, description="Steps until it is full")
    threshold_ramp: float = Field(
        1.0, gt=0, le=1, description="Steps until voxels of any uncertainty count"
    )


class SghmcSettings(_Frozen):
    """Cyclical stochastic gradient Hamiltonian Monte Carlo with a cold posterior."""

    num_cycles: int = Field(4, ge=1, description="Cycles of the learning rate (M)")
    snapshots_per_cycle: int = Field(2, ge=1, description="Saved near the end of each cycle")
    burn_in_cycles: int = Field(1, ge=0, description="First cycles without snapshots")
    friction: float = Field(0.1, gt=0, le=1, description="Alpha; 1 - alpha is the momentum")
    temperature: float = Field(0.01, ge=0, description="T of the posterior; below 1 is cold")
    sampling_share: float = Field(
        0.3, gt=0, le=1, description="Last share of each cycle in which noise is added"
    )
    learning_rate: float = Field(0.05, gt=0, description="At the start of each cycle")
    prior_scale: float = Field(
        1.0, gt=0, description="Standard deviation of each weight's zero-mean Gaussian prior"
    )
