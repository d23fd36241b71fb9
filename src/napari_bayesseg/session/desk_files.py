"""What a review leaves: the reviewed mask, and a list of the decisions."""

from __future__ import annotations

from pathlib import Path

from napari_bayesseg.inference.result import Result
from napari_bayesseg.io.writers import write_volume
from napari_bayesseg.review.files.decision_files import write_decisions
from napari_bayesseg.review.files.summary_html import write_summary
from napari_bayesseg.review.labels.voxels import Labels
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.regions.region_table import RegionTable
from napari_bayesseg.review.review import Review

__all__ = ["write_review_summary", "write_reviewed_decisions", "write_reviewed_mask"]


def write_reviewed_mask(path: Path, result: Result, labels: Labels) -> str:
    """Write labels in the format that the file name asks for; say what was done."""
    source = result.spec.source
    sources = [result.path, *([] if source is None else [source])]
    lost = write_volume(path, labels, result.geometry, sources=sources)
    return "; ".join((f"{path.name}: mask written", *lost))


def write_reviewed_decisions(path: Path, result: Result) -> str:
    """Write the decisions as CSV or JSON; say what was done.

    They are read from the journal once more, so that it can be done on any thread while the
    review goes on.
    """
    with Review.open(result, read_only=True) as review:
        write_decisions(path, review)
    return f"{path.name}: decisions written"


def write_review_summary(
    path: Path, result: Result, table: RegionTable, settings: RegionSettings, conflicts: int
) -> str:
    """Write a page about the review; say what was done. On any thread, as the decisions."""
    with Review.open(result, read_only=True) as review:
        write_summary(path, review, table, settings, conflicts)
    return f"{path.name}: summary written"
