"""What a review has done, what it has left, and what was proved: in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_bayesseg.core.volume import LazyArray
from napari_bayesseg.io.slabs import iterate_slabs
from napari_bayesseg.review.audit.audit import AuditRecord
from napari_bayesseg.review.audit.audit_rows import read_audits
from napari_bayesseg.review.journal.operations import IN_BULK, Operation
from napari_bayesseg.review.journal.work_time import WorkTime
from napari_bayesseg.review.notes import NOTES_APART, notes_in_force
from napari_bayesseg.review.regions.queue import RegionQueue
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.regions.region_table import RegionTable
from napari_bayesseg.review.review_view import ReviewView
from napari_bayesseg.review.status import Status

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result

__all__ = ["LabelChange", "SessionSummary", "count_changes", "resolved_curve", "summarise"]


@dataclass(frozen=True)
class LabelChange:
    """Voxels that have another label than the review began from.

    Attributes
    ----------
    before, after : str
        Names of the classes.
    voxels : int
    volume : float
        In cubic units of the scan.
    """

    before: str
    after: str
    voxels: int
    volume: float


@dataclass(frozen=True)
class SessionSummary:
    """A review at one moment.

    Attributes
    ----------
    result_name, run_id, model_name : str
    began_from : str
        ``"predicted labels"`` or ``"starting mask"``.
    settings : RegionSettings
        Measure and thresholds of the regions.
    unit : str
        Full name of the length unit.
    statuses : mapping of Status to int
        Number of regions with each.
    must_see, must_see_undecided : int
        Regions whose maximum reaches the upper threshold; of them, those not decided.
    error_total, error_decided, error_undecided, error_outside : float
        Expected error volume of the scan; of decided and of undecided regions, and outside all
        regions; in cubic units of the scan.
    boundary_uncertainty : float
        Expected error of the ordinary shell, as a thickness in `unit`.
    changes : tuple of LabelChange
        The largest first.
    curve : tuple of (int, float)
        After how many decisions which share of the scan's expected error was resolved.
    work : WorkTime
    seconds_per_decision : float or None
        Median pause between decisions.
    notes : int
        Notes that people left.
    audits : tuple of AuditRecord
    conflicts : int
        Accepted places in which another run predicts other labels.
    journal_rows : int
    journal_head : str
        SHA-256 of the last row, which stands for all.
    """

    result_name: str
    run_id: str
    model_name: str
    began_from: str
    settings: RegionSettings
    unit: str
    statuses: Mapping[Status, int]
    must_see: int
    must_see_undecided: int
    error_total: float
    error_decided: float
    error_undecided: float
    error_outside: float
    boundary_uncertainty: float
    changes: tuple[LabelChange, ...]
    curve: tuple[tuple[int, float], ...]
    work: WorkTime
    seconds_per_decision: float | None
    notes: int
    audits: tuple[AuditRecord, ...]
    conflicts: int
    journal_rows: int
    journal_head: str

    @property
    def regions(self) -> int:
        """Number of regions."""
        return sum(self.statuses.values())

    @property
    def decided(self) -> int:
        """Number of regions that are accepted, rejected or edited."""
        return sum(count for status, count in self.statuses.items() if status.is_decided)

    @property
    def resolved_share(self) -> float:
        """Of the regions' expected error, the share in decided ones, from 0 to 1."""
        inside = self.error_decided + self.error_undecided
        return self.error_decided / inside if inside > 0 else float(not self.regions)

    @property
    def error_left(self) -> float:
        """Expected error volume outside decided regions, in cubic units of the scan."""
        return self.error_undecided + self.error_outside

    @property
    def changed_voxels(self) -> int:
        """Number of voxels with another label than the review began from."""
        return sum(change.voxels for change in self.changes)


def summarise(
    review: ReviewView, table: RegionTable, settings: RegionSettings, conflicts: int = 0
) -> SessionSummary:
    """Summarise a review; it reads the whole mask and all steps, so not on the owner's thread.

    Parameters
    ----------
    review : Review
    table : RegionTable
    settings : RegionSettings
        What made the regions.
    conflicts : int
        Accepted places in which another run predicts other labels, as found when the review was
        opened for writing.

    Raises
    ------
    StoreError
        If the journal or the result is damaged.
    """
    result, queue = review.result, RegionQueue(table, review.statuses(table))
    operations = tuple(review.operations())
    statuses = Counter(queue.status(region.id) for region in table.regions)
    must_see = [region for region in table.regions if region.maximum >= settings.upper]
    inside = {True: 0.0, False: 0.0}
    for region in table.regions:
        inside[queue.status(region.id).is_decided] += region.expected_error_volume
    total = table.expected_error_volume
    return SessionSummary(
        result.path.name,
        str(result.record["run_id"]),
        _model_name(result),
        "starting mask" if review.has_start else "predicted labels",
        settings,
        table.unit,
        {status: statuses[status] for status in Status},
        len(must_see),
        sum(not queue.status(region.id).is_decided for region in must_see),
        total,
        inside[True],
        inside[False],
        max(0.0, total - sum(inside.values())),
        table.boundary_uncertainty,
        count_changes(review.began_from, review.labels(), result),
        resolved_curve(operations, total),
        WorkTime.of(review.timeline()),
        review.seconds_per_decision,
        _count_notes(review, operations),
        read_audits(review.events),
        conflicts,
        review.sequence,
        review.journal_head,
    )


def count_changes(before: LazyArray, after: LazyArray, result: Result) -> tuple[LabelChange, ...]:
    """Count the voxels of each class that became another one, the most frequent change first."""
    names = result.class_names
    counts: Counter[tuple[int, int]] = Counter()
    start = 0
    for slab in iterate_slabs(before):
        now = np.asarray(after[start : start + len(slab)])
        start += len(slab)
        differs = slab != now
        pairs, found = np.unique(
            np.stack([slab[differs], now[differs]]).astype(np.int64), axis=1, return_counts=True
        )
        for old, new, count in zip(*pairs.tolist(), found.tolist(), strict=True):
            counts[old, new] += count

    def name(label: int) -> str:
        return names[label] if 0 <= label < len(names) else str(label)

    volume = result.geometry.voxel_volume
    return tuple(
        LabelChange(name(old), name(new), count, count * volume)
        for (old, new), count in counts.most_common()
    )


def resolved_curve(operations: Iterable[Operation], total: float) -> tuple[tuple[int, float], ...]:
    """Return after how many decisions which share of the expected error was resolved.

    A step about many regions counts as one decision. Regions that lie in one another, found at
    different thresholds, count both: the share never passes 1.

    Parameters
    ----------
    operations : iterable of Operation
        In force, the oldest first.
    total : float
        Expected error volume of the scan.
    """
    resolved, steps = 0.0, 0
    curve = [(0, 0.0)]
    for operation in operations:
        changes = [d for d in operation.decisions if d.before.is_decided != d.after.is_decided]
        if not changes or total <= 0:
            continue
        steps += 1
        for decision in changes:
            volume = decision.expected_error_volume
            resolved += volume if decision.after.is_decided else -volume
        curve.append((steps, min(1.0, max(0.0, resolved / total))))
    return tuple(curve)


def _count_notes(review: ReviewView, operations: Iterable[Operation]) -> int:
    """Count the notes in force, and those that came with a decision alone; no tool's own words."""
    notes = notes_in_force(review.events)
    texts = {"", IN_BULK, *(note.text for note in notes)}
    alone = (
        operation
        for operation in operations
        if operation.kind != "edit" and not texts.issuperset(operation.note.split(NOTES_APART))
    )
    return len(notes) + sum(1 for _ in alone)


def _model_name(result: Result) -> str:
    made_by = result.record["model"]
    if made_by["kind"] == "probabilities":
        return "probabilities made elsewhere"
    return str(made_by.get("name", made_by["kind"]))
