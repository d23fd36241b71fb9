"""The steps of a review that edit labels: strokes of the viewer's brush, and tools."""

from __future__ import annotations

from napari_bayesseg.core.errors import SettingsError, StoreError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.decisions import decide_regions, painted_change
from napari_bayesseg.review.journal.operations import Operation, RegionDecision, Tool
from napari_bayesseg.review.labels.voxels import VoxelChange
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.review_view import ReviewView
from napari_bayesseg.review.status import Status

__all__ = ["EditSteps"]


class EditSteps(ReviewView):
    """The part of a :class:`~napari_bayesseg.review.review.Review` that edits labels."""

    def paint(
        self,
        change: VoxelChange,
        region: Region | None = None,
        region_labels: RegionMap | None = None,
        settings: RegionSettings | None = None,
    ) -> Operation:
        """Save a stroke that the viewer has painted into ``mask.array`` already.

        Where it can't be saved, the array becomes again what it was.

        Parameters
        ----------
        change : VoxelChange
            At least one voxel.
        region : Region, optional
            It becomes edited.
        region_labels : RegionMap, optional
            Ids of the regions; needed with `region`.
        settings : RegionSettings, optional
            What made the region.

        Raises
        ------
        SettingsError
            If the change is empty, leaves the scan, or holds labels that the mask can't.
        StoreError
            If it can't be saved.
        """
        with self._lock:
            try:
                self._record.check_writable()
                change = painted_change(change, self.mask.labels)
                decisions: tuple[RegionDecision, ...] = ()
                if region is not None:
                    if region_labels is None:
                        raise SettingsError("painting in a region needs the labels of the regions")
                    decisions = decide_regions(self.history, [region], region_labels, Status.EDITED)
                operation = self._record.save_operation(
                    "edit", decisions, change, settings, None, "", None, "brush"
                )
            except (SettingsError, StoreError):
                if not self.read_only:
                    self.mask.restore(change.box.intersection(Roi.whole(self.history.shape)))
                raise
            return self._carry_out(operation)

    def edit(
        self,
        change: VoxelChange,
        region: Region,
        region_labels: RegionMap,
        settings: RegionSettings | None,
        tool: Tool,
        note: str = "",
    ) -> Operation:
        """Save what a tool makes of the labels of a region, and write it into the mask.

        Parameters
        ----------
        change : VoxelChange
            At least one voxel; what the labels are before is looked up.
        region : Region
            It becomes edited.
        region_labels : RegionMap
            Ids of the regions.
        settings : RegionSettings or None
            What made the region.
        tool : str
            One of :data:`~napari_bayesseg.review.journal.operations.TOOLS`.
        note : str
            The class, and what else the tool was told.

        Raises
        ------
        SettingsError
            If the change is empty, leaves the scan, or holds labels that the mask can't.
        StoreError
            If it can't be saved; then nothing was changed.
        """
        with self._lock:
            self._record.check_writable()
            change = painted_change(change, self.mask.labels)
            before = self.mask.labels[change.box.slices][change.voxels.mask()]
            change = VoxelChange(change.voxels, before, change.new)
            decisions = decide_regions(self.history, [region], region_labels, Status.EDITED)
            return self._carry_out(
                self._record.save_operation(
                    "edit", decisions, change, settings, None, note, None, tool
                )
            )

    def _carry_out(self, operation: Operation) -> Operation:
        """Do what was saved."""
        self.history.push(operation)
        if operation.change is not None:
            self.mask.write(operation.change)
        return operation
