"""What makes the regions of a result: a measure, two thresholds and two sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_bayesseg.core.errors import SettingsError, StoreError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.numerics.regions import DEFAULT_EXTENT_VOXELS
from napari_bayesseg.numerics.uncertainty import get_measure, split_excess

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result
    from napari_bayesseg.review.regions.region_source import RegionSource

__all__ = [
    "DEFAULT_MIN_VOXELS",
    "RegionSettings",
    "default_extent",
    "default_measure",
    "default_settings",
]

_PREFERRED = ("standard_deviation", "mutual_information", "expected_error")
_PERCENTILES = (95.0, 99.8)
_LEAST_EXTENT_VOXELS = 8
DEFAULT_MIN_VOXELS = 27


@dataclass(frozen=True)
class RegionSettings:
    """How regions are found, and which of them must be looked at.

    Attributes
    ----------
    measure : str
        Name, with ``_excess`` where it is one.
    lower : float
        Regions form above it, in the measure's unit.
    upper : float
        Regions whose maximum reaches it must be looked at, in the measure's unit.
    min_volume : float or None
        Smaller regions are left out, in cubic units of the scan.
    max_extent : float or None
        Longer regions are cut, in the scan's unit; None: see :func:`default_extent`.
    merge_distance : float or None
        Regions whose nearest voxels are at most so far apart are one, in the scan's unit, as long
        as it is no longer than `max_extent`; None: as they are connected.
    """

    measure: str
    lower: float
    upper: float
    min_volume: float | None = None
    max_extent: float | None = None
    merge_distance: float | None = None

    def checked(self) -> RegionSettings:
        """Return the settings if they can be used.

        Raises
        ------
        SettingsError
            With one line that says what is wrong.
        """
        get_measure(split_excess(self.measure)[0])
        for name, value in (("lower", self.lower), ("upper", self.upper)):
            if not np.isfinite(value):
                raise SettingsError(f"the {name} threshold must be a finite number; got {value}")
        if self.upper < self.lower:
            raise SettingsError(
                f"the upper threshold must not be below the lower; got {self.upper:g} and "
                f"{self.lower:g}"
            )
        if self.min_volume is not None and not (
            np.isfinite(self.min_volume) and self.min_volume >= 0
        ):
            raise SettingsError(f"min_volume must be 0 or more; got {self.min_volume}")
        if self.max_extent is not None and not self.max_extent > 0:
            raise SettingsError(f"max_extent must be positive; got {self.max_extent}")
        if self.merge_distance is not None and not (
            np.isfinite(self.merge_distance) and self.merge_distance > 0
        ):
            raise SettingsError(f"merge_distance must be positive; got {self.merge_distance}")
        return self

    def as_json(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RegionSettings:
        """Read what :meth:`as_json` gave.

        Raises
        ------
        StoreError
            If the entries are others.
        """
        try:
            # Reviews begun before regions could be merged don't name a distance.
            distance = {"merge_distance": None, **values}["merge_distance"]
            sizes = (values["min_volume"], values["max_extent"], distance)
            return cls(
                str(values["measure"]),
                float(values["lower"]),
                float(values["upper"]),
                *(None if size is None else float(size) for size in sizes),
            )
        except (KeyError, TypeError, ValueError):
            raise StoreError(f"these are no settings of regions: {values!r:.200}") from None


def default_measure(result: Result) -> str:
    """Return the measure by which a review removes most among those of a result.

    The standard deviation of the draws; the mutual information where there is none, or else, and
    with one draw only, the expected error.

    Raises
    ------
    StoreError
        If the result holds no measure.
    """
    draws = result.settings.num_samples
    stored = [name for name in result.measures if get_measure(name).needs_draws <= draws]
    for name in (*_PREFERRED, *stored):
        if name in stored:
            return name
    raise StoreError(
        f"{result.path}: holds no uncertainty measure to find regions by; predict again with "
        "measures"
    )


def default_extent(shape: Index3, spacing: tuple[float, float, float]) -> float:
    """Return how long a region may be: 32 voxels, less in a small scan, 8 voxels at least.

    A third of the shortest side: a hippocampus of 35 voxels would otherwise be three regions.

    Parameters
    ----------
    shape : (Z, Y, X)
    spacing : (z, y, x)

    Returns
    -------
    float
        In the spacing's unit.
    """
    sides = [length * step for length, step in zip(shape, spacing, strict=True) if length > 1]
    third = min(sides, default=0.0) / 3
    step = min(spacing)
    return max(min(DEFAULT_EXTENT_VOXELS * step, third), _LEAST_EXTENT_VOXELS * step)


def default_settings(source: RegionSource, min_voxels: int = DEFAULT_MIN_VOXELS) -> RegionSettings:
    """Return settings that suit the values of a source.

    The thresholds are the 95th and the 99.8th percentile of the processed voxels; regions of less
    than `min_voxels` are left out.
    """
    lower, upper = (source.percentile(percent) for percent in _PERCENTILES)
    return RegionSettings(source.measure, lower, upper, min_voxels * source.geometry.voxel_volume)
