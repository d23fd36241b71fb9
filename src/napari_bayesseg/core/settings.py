"""Settings of a prediction: one frozen record from command line or form to provenance."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3

__all__ = ["InferenceSettings", "Precision", "StoreDtype", "parse_bytes", "validation_message"]

Precision = Literal["float32", "bfloat16"]
StoreDtype = Literal["float32", "float16", "uint8"]

_BYTE_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_BYTE_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}


def parse_bytes(text: str | int) -> int:
    """Read an amount of memory: ``"4GB"``, ``"512 MiB"``, or a number of bytes.

    Raises
    ------
    ValueError
        If the text is of another form.
    """
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([a-zA-Z]*)\s*", str(text))
    if match is None or match[2].lower() not in _BYTE_UNITS:
        raise ValueError(f"must be an amount such as 4GB or 512MiB; got {text!r}")
    return int(float(match[1]) * _BYTE_UNITS[match[2].lower()])


def _parse_triple(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(","))
    return value


def _in_order(letters: str) -> str:
    """Put the letters of axes in order; refuse others."""
    found = "".join(sorted(letters.strip().lower(), key="zyx".find))
    if found not in ("", "z", "y", "x", "zy", "zx", "yx", "zyx"):
        raise ValueError(f"must be letters of the axes z, y and x; got {letters!r}")
    return found


def validation_message(error: ValidationError) -> str:
    """Say the first thing that is wrong in one line."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    came = "" if "got" in message or isinstance(first["input"], dict) else f"; got {first['input']}"
    return f"{where}: {message}{came}" if where else message


class InferenceSettings(BaseModel):
    """How a posterior is applied to a scan.

    The fields above the line change the numbers and enter the run's identity; those below say how
    the work is done.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_samples: int = Field(16, ge=1, description="Posterior draws (T)")
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of the draws")
    roi: str | None = Field(None, description="Z0:Z1,Y0:Y1,X0:X1 in voxels; default the whole scan")
    measures: tuple[str, ...] = Field((), description="Uncertainty measures to store; default all")
    percentiles: tuple[float, float] = Field(
        (20.0, 80.0), description="Of the draws, for percentile_spread, in percent"
    )
    block_shape: Annotated[Index3 | None, BeforeValidator(_parse_triple)] = Field(
        None, description="Z,Y,X voxels that a block writes; default chosen to fit the memory"
    )
    precision: Precision = Field(
        "float32", description="Of the network: bfloat16 is faster where the processor has it"
    )
    flips: Annotated[str, AfterValidator(_in_order)] = Field(
        "",
        description="Axes along which draws are mirrored in turn (test-time flips), e.g. zyx",
    )
    store_dtype: StoreDtype = Field(
        "float32", description="Of the stored maps: float16 and uint8 take less of the disk"
    )
    skip_below: float | None = Field(
        None,
        allow_inf_nan=False,
        description="Leave out blocks without a voxel above this grey value",
    )
    skip_outside: str | None = Field(
        None, description="Mask of the scan's shape: leave out blocks in which it is 0 everywhere"
    )

    memory: Annotated[int, BeforeValidator(parse_bytes)] = Field(
        4 * 10**9, ge=1, description="Memory budget of the whole process, e.g. 4GB"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where to compute")
    workers: int | None = Field(
        None, ge=1, description="Processes of this machine that share the blocks and the memory"
    )
    scheduler: str | None = Field(
        None, description="Address of a dask cluster that computes the blocks, tcp://host:port"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        low, high = self.percentiles
        if not 0 <= low < high <= 100:
            raise ValueError(
                f"percentiles must be two rising numbers from 0 to 100; got {low:g}, {high:g}"
            )
        if self.block_shape is not None and min(self.block_shape) < 1:
            raise ValueError(f"block_shape must be positive; got {self.block_shape}")
        if self.workers is not None and self.scheduler is not None:
            raise ValueError(
                "workers (processes of this machine) and scheduler (a running cluster) exclude "
                f"each other; got {self.workers} and {self.scheduler}"
            )
        return self

    @property
    def deviations(self) -> dict[str, object]:
        """Choices that change the numbers and were added later: only those that were made.

        A run's identity holds nothing else of them, so that earlier results are continued.
        """
        names = ("precision", "flips", "store_dtype", "skip_below")
        fields = type(self).model_fields
        chosen = {name: getattr(self, name) for name in names}
        return {name: value for name, value in chosen.items() if value != fields[name].default}

    @classmethod
    def checked(cls, **values: object) -> InferenceSettings:
        """Build from loose values; what is None takes its default.

        Raises
        ------
        SettingsError
            With one line that says what is wrong.
        """
        given = {name: value for name, value in values.items() if value is not None}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise SettingsError(validation_message(error)) from None
