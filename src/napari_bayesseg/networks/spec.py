"""The description from which a network is built: data, stored beside the weights."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_bayesseg.core.geometry import Index3

__all__ = ["VNetSpec"]


class VNetSpec(BaseModel):
    """A V-Net with a deterministic encoder and a random decoder.

    The defaults are the full-size network; narrower ones have other `channels`. A network for
    2D or strongly anisotropic scans has 1 as the first number of `kernel_size` and `pooling`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: Literal["vnet3d"] = "vnet3d"
    decoder: Literal["variational", "dropout", "point"] = Field(
        "variational",
        description="Where the randomness sits: kernel weights, channel masks, or nowhere",
    )
    num_classes: int = Field(ge=1, le=1024, description="Classes; 1 means one logit, two classes")
    in_channels: int = Field(1, ge=1, le=16, description="Channels of the scan")
    channels: tuple[int, ...] = Field(
        (16, 32, 64, 128), min_length=2, max_length=6, description="Channels, finest level first"
    )
    kernel_size: Index3 = Field((3, 3, 3), description="Kernel of the plain convolutions, odd")
    pooling: Index3 = Field((2, 2, 2), description="Factor between two levels")
    groups: int = Field(4, ge=1, description="Groups of each normalisation")
    head: Literal["wide", "reference"] = Field(
        "wide", description="Last 3^3 convolution keeps the channels, or goes down to one"
    )
    noise: Literal["none", "logit", "voxel"] = Field(
        "none",
        description="Whether the network predicts the noise of its logits: of each, or one a voxel",
    )
    dropout_rate: float = Field(0.5, ge=0.0, lt=1.0, description="Share of channels dropped")
    prior_scale: float = Field(1.0, gt=0.0, description="Standard deviation of the weight prior")
    rho_init: float = Field(
        -3.0, ge=-12.0, le=2.0, description="Initial rho; sigma = softplus(rho)"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.noise != "none" and self.num_classes < 2:
            raise ValueError("noise of the logits needs one logit a class, so 2 classes or more")
        if any(not 1 <= c <= 1024 or c % self.groups for c in self.channels):
            raise ValueError(
                f"channels must be multiples of groups = {self.groups}, at most 1024; "
                f"got {self.channels}"
            )
        if any(k not in (1, 3, 5, 7) for k in self.kernel_size):
            raise ValueError(f"kernel_size must hold 1, 3, 5 or 7; got {self.kernel_size}")
        if any(p not in (1, 2, 3, 4) for p in self.pooling):
            raise ValueError(f"pooling must hold 1, 2, 3 or 4; got {self.pooling}")
        return self

    @property
    def stride(self) -> Index3:
        """Voxels that one voxel of the coarsest level covers."""
        z, y, x = (p ** (len(self.channels) - 1) for p in self.pooling)
        return z, y, x

    @property
    def num_outputs(self) -> int:
        """Channels of the last layer: logits, then the logarithms of their variances."""
        return self.num_classes + {"none": 0, "logit": self.num_classes, "voxel": 1}[self.noise]

    @property
    def num_probabilities(self) -> int:
        """Number of classes in the output probabilities, at least 2."""
        return max(self.num_classes, 2)
