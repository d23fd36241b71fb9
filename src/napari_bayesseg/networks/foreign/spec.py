"""The description from which a network of another library is built: data, never code."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["ForeignName", "ForeignSpec"]

ForeignName = Literal["monai.UNet", "monai.VNet", "monai.DynUNet", "monai.SegResNet"]

_OURS = {
    "spatial_dims": "it is always 3",
    "in_channels": "give it beside the arguments",
    "out_channels": "it is num_classes, beside the arguments",
}


class ForeignSpec(BaseModel):
    """One of four networks of MONAI and the arguments of its constructor.

    The arguments are checked against the constructor's signature when the network is built.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: ForeignName
    num_classes: int = Field(ge=1, le=1024, description="Classes; 1 means one logit, two classes")
    in_channels: int = Field(1, ge=1, le=16, description="Channels of the scan")
    arguments: dict[str, Any] = Field(
        default_factory=dict, description="Further arguments of the constructor, JSON values"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, remedy in _OURS.items():
            if name in self.arguments:
                raise ValueError(f"arguments must not hold {name}: {remedy}")
        return self

    @property
    def num_probabilities(self) -> int:
        """Number of classes in the output probabilities, at least 2."""
        return max(self.num_classes, 2)
