"""What a decision about regions means for their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.journal.history import History
from napari_bayesseg.review.journal.operations import Kind, RegionDecision
from napari_bayesseg.review.labels.replacement_labels import predicted_labels, runner_up_labels
from napari_bayesseg.review.labels.reviewed_mask import ReviewedMask
from napari_bayesseg.review.labels.voxels import Labels, VoxelChange, VoxelSet
from napari_bayesseg.review.status import Replacement, Status

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result

__all__ = [
    "LabelsToBe",
    "decide_regions",
    "kind_of",
    "label_change",
    "painted_change",
    "read_labels_to_be",
]

_KINDS: dict[Status, Kind] = {
    Status.ACCEPTED: "accept",
    Status.REJECTED: "reject",
    Status.DEFERRED: "defer",
    Status.PENDING: "reopen",
}


@dataclass(frozen=True, eq=False)
class LabelsToBe:
    """Labels that voxels are to get, read ahead of a decision.

    Attributes
    ----------
    voxels : VoxelSet
    labels : (count,) int
        In C order of the box's voxels.
    """

    voxels: VoxelSet
    labels: Labels

    def of(self, voxels: VoxelSet) -> Labels:
        """Return those of some of the voxels, ``(count,)`` in C order."""
        if voxels == self.voxels:
            return self.labels
        spread = np.zeros(self.voxels.box.shape, self.labels.dtype)
        spread[self.voxels.mask()] = self.labels
        return spread[voxels.box.relative_to(self.voxels.box.start).slices][voxels.mask()]


def read_labels_to_be(
    result: Result,
    regions: Sequence[Region],
    region_labels: RegionMap,
    status: Status,
    replacement: Replacement,
) -> LabelsToBe | None:
    """Read from a result what a decision needs of it; None where it needs nothing.

    It touches no review, so that any thread can do it while the review goes on.

    Raises
    ------
    StoreError
        If the result is damaged.
    """
    runner_up = status is Status.REJECTED and replacement is Replacement.RUNNER_UP
    if not regions or not (runner_up or status is Status.ACCEPTED):
        return None
    voxels = VoxelSet.union(
        [
            VoxelSet.from_mask(region.box, region_labels[region.box.slices] == region.id)
            for region in regions
        ]
    )
    read = runner_up_labels if runner_up else predicted_labels
    return LabelsToBe(voxels, read(result, voxels))


def kind_of(status: Status) -> Kind:
    """Return what giving regions a status is called.

    Raises
    ------
    SettingsError
        For ``EDITED``, which only a stroke gives.
    """
    if status not in _KINDS:
        raise SettingsError(f"a decision must be one of {', '.join(_KINDS)}; got {status}: paint")
    return _KINDS[status]


def decide_regions(
    history: History,
    regions: Sequence[Region],
    region_labels: RegionMap,
    status: Status,
    *,
    spare_accepted: bool = False,
) -> tuple[RegionDecision, ...]:
    """Return the decisions that give regions a status; accepting leaves an edited one edited.

    Accepted voxels may be spared: these were accepted as part of regions at other thresholds. The
    rest must then be more than half of a region, or the region is left out.

    Raises
    ------
    SettingsError
        If there is no region, or the labels are those of other regions.
    """
    if not regions:
        raise SettingsError("a decision must be about at least one region; got none")
    if region_labels.shape != history.shape:
        raise SettingsError(
            f"region_labels must have the scan's shape {history.shape}; got {region_labels.shape}"
        )
    before = history.statuses(region_labels, regions)
    decisions = []
    for region in regions:
        voxels = VoxelSet.from_mask(region.box, region_labels[region.box.slices] == region.id)
        if voxels.count != region.voxel_count:
            raise SettingsError(
                f"region {region.id} has {region.voxel_count} voxels, but {voxels.count} in "
                "region_labels: both must be of one table"
            )
        if spare_accepted:
            spared = voxels.mask() & ~history.have_status(region.box, Status.ACCEPTED)
            voxels = VoxelSet.from_mask(region.box, spared)
            if 2 * voxels.count <= region.voxel_count:
                continue
        stays = status is Status.ACCEPTED and before[region.id] is Status.EDITED
        decisions.append(
            RegionDecision(
                region.id,
                voxels,
                region.position,
                before[region.id],
                Status.EDITED if stays else status,
                region.expected_error_volume,
                region.volume,
                region.maximum,
            )
        )
    if not decisions:
        raise SettingsError(
            "what is accepted is protected, and that is half or more of each of these regions: "
            "decide about them one by one"
        )
    return tuple(decisions)


def label_change(
    result: Result,
    history: History,
    mask: ReviewedMask,
    kind: Kind,
    decisions: Sequence[RegionDecision],
    replacement: Replacement | None,
    labels_to_be: LabelsToBe | None = None,
) -> VoxelChange | None:
    """Return what a decision writes into the mask; None where it writes nothing.

    What was read ahead isn't read again.

    Raises
    ------
    StoreError
        If the result or the starting mask is damaged.
    """
    if kind == "defer":
        return None
    # Where accepting leaves a region edited, its labels stay too.
    voxels = VoxelSet.union(
        [d.voxels for d in decisions if kind != "accept" or d.after is not Status.EDITED]
    )
    if kind == "accept":
        unpainted = voxels.mask() & ~history.painted(voxels.box)
        voxels = VoxelSet.from_mask(voxels.box, unpainted)
    if voxels.count == 0:
        return None
    new: Labels
    if kind == "accept":
        new = labels_to_be.of(voxels) if labels_to_be else predicted_labels(result, voxels)
    elif replacement is Replacement.BACKGROUND:
        new = np.zeros(voxels.count, mask.labels.dtype)
    elif replacement is Replacement.RUNNER_UP:
        new = labels_to_be.of(voxels) if labels_to_be else runner_up_labels(result, voxels)
    else:  # reopened, or rejected in favour of the starting mask
        new = mask.expected(voxels.box, ())[voxels.mask()]
    old = mask.labels[voxels.box.slices][voxels.mask()]
    return VoxelChange(voxels, old, new.astype(old.dtype, copy=False))


def painted_change(change: VoxelChange, mask: Labels) -> VoxelChange:
    """Return a stroke in the type of the mask.

    Raises
    ------
    SettingsError
        If it is empty, leaves the scan, or holds labels that the mask can't.
    """
    if change.count == 0:
        raise SettingsError("a stroke must change at least one voxel; got none")
    z, y, x = mask.shape
    if not Roi.whole((z, y, x)).contains(change.box):
        raise SettingsError(
            f"a stroke must lie inside the scan of {mask.shape} voxels; got {change.box}"
        )
    limits = np.iinfo(mask.dtype)
    for labels in (change.old, change.new):
        if labels.min() < limits.min or labels.max() > limits.max:
            raise SettingsError(
                f"labels of a stroke must be from {limits.min} to {limits.max}; got "
                f"{labels.min()} to {labels.max()}"
            )
    return VoxelChange(change.voxels, change.old.astype(mask.dtype), change.new.astype(mask.dtype))
