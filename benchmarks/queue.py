"""What a person meets first: the regions of the sample at default settings, in their order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.data import MODELS, Case, sample
from benchmarks.predictions import predicted
from benchmarks.rows import Row, at_most
from benchmarks.unseen import kinds_of_defects
from napari_bayesseg.numerics.regions import DEFAULT_EXTENT_VOXELS, Region
from napari_bayesseg.review.regions.region_settings import default_measure, default_settings
from napari_bayesseg.review.regions.region_source import RegionSource
from napari_bayesseg.review.regions.region_table import RegionTable

__all__ = ["defect_shares", "run"]

_TABLE = "the queue of the sample"
_FIRST = 10
# A place is "in" a kind of defect from this share on; some are where two kinds cross.
_SHARE = 0.15
# The kinds that mutual information can see (docs/concepts.md says why not the others).
_SEEN = ("inclusion", "delamination_fringes", "rings", "metal_zone")
_SHELL_SHARE = 0.1


def run(quick: bool) -> list[Row]:
    """Find the regions of the sample as the viewer does when a result is opened."""
    case = sample()
    result = predicted(case, MODELS[0])
    source = RegionSource.read(result, default_measure(result))
    settings = default_settings(source)
    table = source.find(settings)
    shares = defect_shares(table, case, table.regions[:_FIRST])
    must_see = sum(region.maximum >= settings.upper for region in table.regions)
    return [
        Row.of(_TABLE, "regions", MODELS[0], value=len(table.regions)),
        Row.of(_TABLE, "regions that must be looked at", MODELS[0], value=must_see),
        *_rank_rows(shares),
        *_shape_rows(table),
        *_place_rows(table.regions[:_FIRST], shares),
    ]


def defect_shares(
    table: RegionTable, case: Case, regions: Sequence[Region]
) -> list[dict[str, float]]:
    """Return for each region which share of its voxels lies in every kind of defect."""
    masks = kinds_of_defects(case)
    found = []
    for region in regions:
        box = region.box.slices
        inside = table.region_labels[box] == region.id
        found.append({kind: float(mask[box][inside].mean()) for kind, mask in masks.items()})
    return found


def _rank_rows(shares: Sequence[dict[str, float]]) -> list[Row]:
    rows = []
    for kind in _SEEN:
        ranks = [rank for rank, share in enumerate(shares, 1) if share[kind] >= _SHARE]
        first = min(ranks, default=len(shares) + 1)
        name = f"first region with at least {100 * _SHARE:g} % {kind}"
        rows.append(Row.of(_TABLE, name, MODELS[0], value=first, goal=at_most(_FIRST)))
    return rows


def _shape_rows(table: RegionTable) -> list[Row]:
    first = table.regions[:_FIRST]
    above = sum(region.voxel_count for region in table.regions)
    return [
        Row.of(
            _TABLE,
            f"longest side of the first {_FIRST} regions (voxels)",
            MODELS[0],
            value=max(max(region.box.shape) for region in first),
            goal=at_most(DEFAULT_EXTENT_VOXELS),
        ),
        Row.of(
            _TABLE,
            f"largest share of the voxels above the threshold in one of the first {_FIRST}",
            MODELS[0],
            value=max(region.voxel_count for region in first) / above,
            goal=at_most(_SHELL_SHARE),
        ),
    ]


def _place_rows(regions: Sequence[Region], shares: Sequence[dict[str, float]]) -> list[Row]:
    rows = []
    for rank, (region, share) in enumerate(zip(regions, shares, strict=True), 1):
        kinds = ", ".join(f"{kind} {100 * v:.0f} %" for kind, v in share.items() if v >= 0.05)
        z, y, x = region.position
        entries = {
            "maximum at (z, y, x)": f"{z}, {y}, {x}",
            "voxels": region.voxel_count,
            "expected error (µm³)": float(np.round(region.expected_error_volume, 1)),
            "box": " x ".join(map(str, region.box.shape)),
            "lies in": kinds or "nothing marked",
        }
        rows += [
            Row.of(f"the first {_FIRST} places", f"{rank}", column, value=value)
            for column, value in entries.items()
        ]
    return rows
