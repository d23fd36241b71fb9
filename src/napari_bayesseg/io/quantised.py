"""Floats stored in fewer bits, and how they become floats again while they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_bayesseg.io.lazy import BlockArray

__all__ = ["DecodedArray", "Quantisation", "decoded", "encode"]

_SCALE, _OFFSET, _NAN_CODE = "scale", "offset", "nan_code"


@dataclass(frozen=True)
class Quantisation:
    """Values of a known range as codes from 0 to 254, evenly spaced; 255 is NaN.

    Attributes
    ----------
    offset : float
        Value of code 0.
    scale : float
        Distance between two codes. A value inside the range is off by half of it at most.
    """

    offset: float
    scale: float

    NAN_CODE = 255

    @classmethod
    def of_range(cls, low: float, high: float) -> Quantisation:
        """Spread the codes over a range, its ends included."""
        return cls(low, (high - low) / (cls.NAN_CODE - 1))

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any]) -> Quantisation:
        """Read what :attr:`attributes` wrote.

        Raises
        ------
        ValueError
            If it isn't there or makes no sense.
        """
        try:
            found = cls(float(attributes[_OFFSET]), float(attributes[_SCALE]))
            nan_code = attributes[_NAN_CODE]
        except (KeyError, TypeError):
            raise ValueError("codes without scale, offset and nan_code") from None
        if nan_code != cls.NAN_CODE or not (np.isfinite(found.offset) and found.scale > 0):
            raise ValueError(f"scale, offset or nan_code are invalid: {dict(attributes)}")
        return found

    @property
    def attributes(self) -> dict[str, float]:
        """What an array of codes says about them: value = offset + scale * code."""
        return {_SCALE: self.scale, _OFFSET: self.offset, _NAN_CODE: self.NAN_CODE}

    def encode(self, values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
        """Return the nearest codes; values outside the range get the nearest end, NaN its own."""
        steps = np.rint((values - np.float32(self.offset)) / np.float32(self.scale))
        codes = np.clip(steps, 0, self.NAN_CODE - 1)
        return np.where(np.isnan(codes), np.float32(self.NAN_CODE), codes).astype(np.uint8)

    def decode(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the values of codes."""
        table = self.offset + self.scale * np.arange(256)
        table[self.NAN_CODE] = np.nan
        return table.astype(np.float32)[codes]


class DecodedArray(BlockArray):
    """A stored array of codes or of 16-bit floats, read as float32.

    Parameters
    ----------
    stored : zarr.Array
    quantisation : Quantisation or None
        None where floats are stored.
    """

    def __init__(self, stored: zarr.Array[Any], quantisation: Quantisation | None) -> None:
        super().__init__(stored.shape, np.dtype(np.float32))
        self.stored = stored
        self.quantisation = quantisation

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of the pieces that are read from the disk as one."""
        return self.stored.chunks

    @property
    def path(self) -> str:
        """Place of the array in its store."""
        return self.stored.path

    def _read_box(self, start: tuple[int, ...], stop: tuple[int, ...]) -> NDArray[np.float32]:
        values = np.asarray(self.stored[tuple(map(slice, start, stop))])
        if self.quantisation is None:
            return values.astype(np.float32)
        return self.quantisation.decode(values)


def decoded(array: zarr.Array[Any]) -> zarr.Array[Any] | DecodedArray:
    """Return an array of floats as float32, whatever it is stored as.

    Raises
    ------
    ValueError
        If it holds codes and doesn't say what they mean.
    """
    if array.dtype == np.float32:
        return array
    if array.dtype == np.uint8:
        return DecodedArray(array, Quantisation.from_attributes(array.attrs.asdict()))
    return DecodedArray(array, None)


def encode(array: zarr.Array[Any] | DecodedArray, values: NDArray[Any]) -> NDArray[Any]:
    """Return values as an array stores them."""
    if not isinstance(array, DecodedArray):
        return np.asarray(values, array.dtype)
    if array.quantisation is None:
        return np.asarray(values, array.stored.dtype)
    return array.quantisation.encode(np.asarray(values, np.float32))
