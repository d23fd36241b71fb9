"""``napari-bayesseg regions``."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from napari_bayesseg.cli import options
from napari_bayesseg.cli.output import say, write_json
from napari_bayesseg.cli.targets import check_table
from napari_bayesseg.inference.result import load_result
from napari_bayesseg.numerics.uncertainty import MEASURES
from napari_bayesseg.review.regions.region_table import RegionTable, find_result_regions

__all__ = ["regions", "summarise"]


def regions(
    result: Annotated[Path, Parameter(help="Result store, *.zarr")],
    /,
    *,
    measure: Annotated[
        str,
        Parameter(
            help=f"Uncertainty measure: {', '.join(MEASURES)}; with the suffix _excess what is "
            "over the usual at that distance from a boundary"
        ),
    ],
    threshold: Annotated[
        float,
        Parameter(help="In the measure's unit (nat, probability, share); regions lie above it"),
    ],
    out: Annotated[Path, Parameter(help="CSV file to write; a table of regions is replaced")],
    max_extent: Annotated[
        float | None,
        Parameter(
            help="Longer regions are cut, in the scan's unit; default 32 voxels (small scans: less)"
        ),
    ] = None,
    min_volume: Annotated[
        float | None, Parameter(help="Smaller regions are left out, in the scan's unit cubed")
    ] = None,
    json: options.JsonOutput = False,
) -> None:
    """List the regions above a threshold, the most expected error first."""
    opened = load_result(result)
    check_table(out, opened)
    table = find_result_regions(
        opened, measure, threshold, max_extent=max_extent, min_volume=min_volume
    )
    table.write_csv(out)
    shell = table.boundary_uncertainty
    if json:
        write_json(
            {
                "file": str(out),
                "measure": measure,
                "threshold": threshold,
                "regions": len(table.regions),
                "expected_error_volume": table.expected_error_volume,
                "boundary_uncertainty": None if isnan(shell) else shell,
                "unit": table.unit,
            }
        )
    else:
        say(f"{out}: {summarise(table)}")


def summarise(table: RegionTable) -> str:
    """Say in one line how much a table holds and what it leaves."""
    seen = sum(region.expected_error_volume for region in table.regions)
    share = 100 * seen / table.expected_error_volume if table.expected_error_volume else 0.0
    count = f"{len(table.regions)} region{'' if len(table.regions) == 1 else 's'}"
    shell = table.boundary_uncertainty
    boundary = f"; the ordinary boundary is uncertain by +-{shell:.2g} {table.unit}"
    return (
        f"{count} above {table.threshold:g}, with {share:.0f} % of the "
        f"expected error of {table.expected_error_volume:.4g} {table.unit}^3"
    ) + ("" if isnan(shell) else boundary)
