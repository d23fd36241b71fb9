"""The regions of a desk: found in the background, opened with the review."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.result import Result
from napari_bayesseg.numerics.uncertainty import split_excess
from napari_bayesseg.review.audit.audit_rows import read_audits
from napari_bayesseg.review.regions.region_names import RegionNames
from napari_bayesseg.review.regions.region_settings import (
    DEFAULT_MIN_VOXELS,
    RegionSettings,
    default_measure,
    default_settings,
)
from napari_bayesseg.review.regions.region_source import RegionSource
from napari_bayesseg.review.regions.region_table import RegionTable
from napari_bayesseg.review.review import Review
from napari_bayesseg.session.preferences import Preferences

__all__ = ["Found", "Opened", "find", "find_by_measure", "open_review"]


@dataclass(frozen=True, eq=False)
class Found:
    """Regions, and what they were found in.

    Attributes
    ----------
    source : RegionSource
    settings : RegionSettings
    table : RegionTable
    """

    source: RegionSource
    settings: RegionSettings
    table: RegionTable


@dataclass(frozen=True, eq=False)
class Opened:
    """A result with its review, opened, and its first regions."""

    result: Result
    review: Review
    found: Found


def find(source: RegionSource, settings: RegionSettings, names: RegionNames | None = None) -> Found:
    """Find the regions of maps that were read before.

    Parameters
    ----------
    source : RegionSource
    settings : RegionSettings
        The lower threshold is moved to the next one that costs nothing, a thousandth of the
        measure's range away at the most.
    names : RegionNames, optional
        Gives the ids.
    """
    near = source.snap(settings)
    return Found(source, near, source.find(near, names))


def find_by_measure(
    result: Result,
    measure: str,
    settings: RegionSettings | None,
    sharing: RegionSource | None,
    names: RegionNames | None = None,
    *,
    sizes_of: RegionSettings | None = None,
    min_voxels: int = DEFAULT_MIN_VOXELS,
) -> Found:
    """Read the maps of a measure and find its regions.

    Parameters
    ----------
    result : Result
    measure : str
    settings : RegionSettings or None
        None: those that suit the measure's values, with the sizes of `sizes_of`.
    sharing : RegionSource or None
        Of the same result; what the two have in common is not read again.
    names : RegionNames, optional
        Gives the ids.
    sizes_of : RegionSettings, optional
    min_voxels : int
        Of the smallest region, where neither of the two says.
    """
    source = RegionSource.read(result, measure, sharing=sharing)
    if settings is None:
        settings = default_settings(source, min_voxels)
        if sizes_of is not None:
            settings = replace(
                settings,
                min_volume=sizes_of.min_volume,
                max_extent=sizes_of.max_extent,
                merge_distance=sizes_of.merge_distance,
            )
    return find(source, settings, names)


def open_review(
    result: Result, start: Volume | None, preferences: Preferences | None = None
) -> Opened:
    """Open the review of a result where it was left, or begin it as the person prefers.

    Raises
    ------
    BayesSegError
        If the review or the result is damaged, or they don't fit each other or the memory.
    """
    review = Review.open(result, start=start)
    try:
        read_audits(review.events)  # what can't be understood is told now
        settings = review.settings
        if settings is not None and split_excess(settings.measure)[0] not in result.measures:
            settings = None  # a review that goes on with the result of another run
        measure = default_measure(result) if settings is None else settings.measure
        least = (preferences or Preferences()).min_volume_voxels
        found = find_by_measure(result, measure, settings, None, review.names, min_voxels=least)
        _keep_names(review)
        return Opened(result, review, found)
    except BaseException:
        review.close()
        raise


def _keep_names(review: Review) -> None:
    """Save the ids that are about to be shown: another run must give them to the same places."""
    if not review.read_only:
        # A disk that is full is told of at the first decision; the next regions are tried again.
        with suppress(StoreError):
            review.keep_names()
