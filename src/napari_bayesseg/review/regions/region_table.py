"""The regions of a result: places above a threshold, the most expected error first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_bayesseg.io.tables import write_csv
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.numerics.uncertainty import get_measure, split_excess
from napari_bayesseg.review.regions.region_settings import RegionSettings

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result

__all__ = ["RegionTable", "find_result_regions"]


@dataclass(frozen=True)
class RegionTable:
    """Regions of a result above one threshold of one measure.

    Attributes
    ----------
    measure : str
        Name, with ``_excess`` where it is one.
    threshold : float
        In the measure's unit.
    regions : RegionList, or any sequence of Region
        By falling expected error volume.
    region_labels : RegionMap
        ``(Z, Y, X)`` int32: region ids, 0 outside.
    expected_error_volume : float
        Of all processed voxels, in cubic `unit`.
    boundary_uncertainty : float
        Expected error of the ordinary shell, as a thickness in `unit`.
    class_names : tuple of str
    unit : str
    run_id : str
    """

    measure: str
    threshold: float
    regions: Sequence[Region]
    region_labels: RegionMap
    expected_error_volume: float
    boundary_uncertainty: float
    class_names: tuple[str, ...]
    unit: str
    run_id: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Headings of :meth:`rows`, with units."""
        cubic, unit = f"{self.unit}^3", get_measure(split_excess(self.measure)[0]).unit
        return (
            "region",
            f"expected_error_volume_{cubic}",
            f"volume_{cubic}",
            "voxels",
            f"mean_{self.measure} ({unit})",
            f"p95_{self.measure} ({unit})",
            f"maximum_{self.measure} ({unit})",
            "z_of_maximum",
            "y_of_maximum",
            "x_of_maximum",
            "box_z_y_x",
            "classes",
            "touches_border",
        )

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Yield one tuple a region, in the order of `columns`."""
        for region in self.regions:
            yield (
                region.id,
                region.expected_error_volume,
                region.volume,
                region.voxel_count,
                region.mean,
                region.p95,
                region.maximum,
                *region.position,
                str(region.box),
                " ".join(self.class_names[index] for index in region.classes),
                "yes" if region.touches_border else "no",
            )

    def write_csv(self, path: Path) -> None:
        """Write the table with its settings above it."""
        seen = sum(region.expected_error_volume for region in self.regions)
        comments = {
            "run": self.run_id,
            "measure": self.measure,
            "threshold": f"{self.threshold:g}",
            "regions": str(len(self.regions)),
            "expected error volume in regions": f"{seen:.6g} {self.unit}^3",
            "expected error volume in all": f"{self.expected_error_volume:.6g} {self.unit}^3",
            "boundary uncertainty": (
                "not computed: larger than the memory"
                if math.isnan(self.boundary_uncertainty)
                else f"+-{self.boundary_uncertainty:.3g} {self.unit}"
            ),
        }
        write_csv(path, self.columns, self.rows(), comments)


def find_result_regions(
    result: Result,
    measure: str,
    threshold: float,
    *,
    max_extent: float | None = None,
    min_volume: float | None = None,
) -> RegionTable:
    """Find the regions of a result; in memory.

    Parameters
    ----------
    result : Result
    measure : str
        A stored measure, or one with the suffix ``_excess``.
    threshold : float
        In the measure's unit.
    max_extent : float, optional
        Longer regions are cut, in the scan's unit; by default see
        :func:`~napari_bayesseg.review.regions.region_settings.default_extent`.
    min_volume : float, optional
        Smaller regions are left out, in cubic units of the scan.

    Raises
    ------
    SettingsError
        If a number is out of range, or the measure is unknown.
    StoreError
        If the result doesn't hold the measure, is damaged, or doesn't fit into the memory.
    """
    # The source makes tables: importing it above would go round in a circle.
    from napari_bayesseg.review.regions.region_source import RegionSource

    settings = RegionSettings(measure, threshold, threshold, min_volume, max_extent).checked()
    return RegionSource.read(result, measure).find(settings)
