"""Everything at one result under review: thresholds, regions, decisions, strokes, files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from napari_bayesseg.core.errors import BayesSegError, SettingsError
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.session.background import Background
from napari_bayesseg.session.busy import BusyTeller
from napari_bayesseg.session.comparison import Comparison
from napari_bayesseg.session.desk_audit import AuditDesk
from napari_bayesseg.session.desk_crops import DeskCrops
from napari_bayesseg.session.desk_decisions import BulkKind
from napari_bayesseg.session.desk_draws import DrawsDesk
from napari_bayesseg.session.desk_editing import RegionEditor
from napari_bayesseg.session.desk_edits import EditDesk
from napari_bayesseg.session.desk_files import (
    write_review_summary,
    write_reviewed_decisions,
    write_reviewed_mask,
)
from napari_bayesseg.session.desk_finish import FinishLine
from napari_bayesseg.session.desk_journal import DeskJournal
from napari_bayesseg.session.desk_line import BulkPreview, LiveLine, QueueNumbers
from napari_bayesseg.session.desk_regions import Found, Opened, find, find_by_measure
from napari_bayesseg.session.evaluation import DeskEvaluation
from napari_bayesseg.session.job import JobSlot, explain
from napari_bayesseg.session.preferences import Preferences
from napari_bayesseg.session.voxel_reader import VoxelReader

__all__ = ["BulkKind", "BulkPreview", "LiveLine", "ReviewDesk"]


class ReviewDesk(EditDesk):
    """One result under review; everything happens on the thread that made it.

    Signals:

    - ``measure_changed(str)``
    - ``thresholds_changed(lower, upper)``: also while a handle moves.
    - ``regions_changed(RegionTable)``, then ``statuses_changed`` and ``current_changed``.
    - ``queue_changed(RegionQueue)``: another order or filter.
    - ``current_changed(Region | None)``
    - ``statuses_changed(tuple of region ids)``
    - ``mask_changed(Roi)``: the reviewed mask differs there; not after a stroke, which whoever
      painted it has seen.
    - ``editing_changed(bool)``, ``busy_changed(bool)``
    - ``saved(int)``: sequence number of the journal's row, once it is on the disk.
    - ``protection_hit(int)``: id of the accepted region that a stroke was kept from.
    - ``failed(str)``, ``notice(str)``: one line for the person.

    ``audit`` looks at random places among what nobody looked at, ``finish`` says when to stop,
    ``evaluation`` judges the result where the truth is known.
    """

    def __init__(
        self, opened: Opened, background: Background, preferences: Preferences | None = None
    ) -> None:
        super().__init__(opened, preferences or Preferences())
        self._background = background
        self._busy = BusyTeller(lambda: self.is_busy, self.busy_changed.emit)
        self._deciding = JobSlot(background, "decision", self._busy)
        self.editor = RegionEditor(self, background)
        self._finding = JobSlot(background, "regions", self._busy)
        self.comparison = Comparison(self.result, background)
        self._files: list[JobSlot] = []
        self.crops = DeskCrops(self, background, self._busy)
        self._wanted_measure: str | None = None
        self._wanted_settings = self.settings
        self._remembered = {self.settings.measure: self.settings}
        self._numbers: tuple[object, QueueNumbers, float | None] | None = None
        self.journal = DeskJournal(self, background)
        self.draws = DrawsDesk(self, background)
        self.voxels = VoxelReader(self.result, background)
        self.audit = AuditDesk(self, background, self._busy)
        self.finish = FinishLine(self)
        self.evaluation = DeskEvaluation(self, background)

    @property
    def background(self) -> Background:
        """Where its work runs; for what is shown beside it too."""
        return self._background

    @property
    def is_busy(self) -> bool:
        """Whether regions are found or decided about, places drawn, or a file written."""
        jobs = (self._finding, self._deciding, *self._files)
        others = self.crops.is_running or self.audit.is_drawing
        return others or any(job.is_running for job in jobs)

    def close(self) -> None:
        """Drop what is under way, and close the review; no signal is emitted afterwards."""
        self.crops.close()
        for job in (self._finding, self._deciding, *self._files):
            job.close()
        self.editor.close()
        self.journal.close()
        self.draws.close()
        self.voxels.close()
        self.audit.close()
        self.comparison.close()
        self.evaluation.close()
        self.review.close()

    def set_preferences(self, preferences: Preferences) -> None:
        """Take over what may change while a review is open: the brush's margin, and going on."""
        former, self.preferences = self.preferences, preferences
        if preferences.edit_margin != former.edit_margin:
            self.editor.take_margin()

    # Thresholds and measure

    def drag(self, lower: float, upper: float) -> LiveLine:
        """Say at once what two thresholds would mean, while a handle moves."""
        self.thresholds_changed.emit(lower, upper)
        return self._line(lower, upper)

    def live_line(self) -> LiveLine:
        """Say what the thresholds of the regions mean."""
        return self._line(self.settings.lower, self.settings.upper)

    def release(self, lower: float, upper: float) -> None:
        """Find the regions at two thresholds, in the background; the newest ones count."""
        self._find_with(lower=lower, upper=upper)

    def set_min_volume(self, volume: float | None) -> None:
        """Leave regions smaller than this out, in cubic units of the scan, as `release` does."""
        self._find_with(min_volume=volume)

    def set_merge_distance(self, distance: float | None) -> None:
        """Join regions that are no farther apart, in the scan's unit, as `release` does."""
        self._find_with(merge_distance=distance)

    def _find_with(self, **changes: float | None) -> None:
        if self._wanted_measure is not None:
            return  # these are thresholds of the measure that is about to be replaced
        try:
            # Whoever moves a handle while regions are being found means those settings.
            wanted = self._wanted_settings if self._finding.is_running else self.settings
            settings = replace(wanted, **changes).checked()  # type: ignore[arg-type]
        except SettingsError as error:
            self.failed.emit(str(error))
            return
        self._wanted_settings = settings
        if replace(settings, upper=self.settings.upper) == self.settings:
            # The same regions; only which of them must be looked at may differ.
            self._finding.cancel()
            self._keep_settings(settings)
            self._found = replace(self._found, settings=settings)
            self.thresholds_changed.emit(settings.lower, settings.upper)
            self.refresh_marks()
            return
        source, names = self.source, self.review.names
        self._finding.start(lambda _: find(source, settings, names), self._take, self._not_found)

    def set_measure(self, measure: str) -> None:
        """Find regions by another measure, at the thresholds last used for it."""
        if measure == self._wanted_measure:
            return
        if measure == self.settings.measure:
            if self._wanted_measure is not None:  # back before the other one was there
                self._wanted_measure = None
                self._finding.cancel()
            return
        self._wanted_measure = measure
        known, settings, source = self._remembered.get(measure), self.settings, self.source
        result, names = self.result, self.review.names
        self._finding.start(
            lambda _: find_by_measure(result, measure, known, source, names, sizes_of=settings),
            self._take,
            self._not_found,
        )

    def _take(self, found: Found) -> None:
        self._wanted_measure = None
        self._keep_settings(found.settings)
        self._settle(found)

    def _not_found(self, error: Exception) -> None:
        self._wanted_measure = None
        self.failed.emit(explain(error))
        # Controls that ran ahead come back.
        self.measure_changed.emit(self.settings.measure)
        self.thresholds_changed.emit(self.settings.lower, self.settings.upper)

    def _keep_settings(self, settings: RegionSettings) -> None:
        self._remembered[settings.measure] = settings
        if self.read_only:
            return
        try:
            self.review.keep_names()
            if settings != self.review.settings:
                self.review.set_settings(settings)
        except BayesSegError as error:
            self.failed.emit(str(error))

    def _line(self, lower: float, upper: float) -> LiveLine:
        if self._numbers is None or self._numbers[0] is not self.queue:
            pace = self._pace()
            self._numbers = (self.queue, QueueNumbers.of(self.queue), pace)
        _, numbers, pace = self._numbers
        return numbers.line(self.source.curve, lower, upper, pace)

    def _pace(self) -> float | None:
        """Return the person's seconds for a decision; the last ones while a step is taken."""
        if self._deciding.is_running:
            return None if self._numbers is None else self._numbers[2]
        return self.review.seconds_per_decision

    # Files

    def save_mask(self, path: str | Path) -> None:
        """Write the reviewed labels in the background, in the format of the file name."""
        place, result, labels = Path(path), self.result, self.review.labels()
        self._write(lambda: write_reviewed_mask(place, result, labels))

    def save_decisions(self, path: str | Path) -> None:
        """Write the decisions in the background, as ``.csv`` or ``.json``."""
        place, result = Path(path), self.result
        self._write(lambda: write_reviewed_decisions(place, result))

    def save_summary(self, path: str | Path) -> None:
        """Write a page about the review in the background, as ``.html``."""
        place, conflicts = Path(path), len(self.review.conflicts)
        result, table, settings = self.result, self.table, self.settings
        self._write(lambda: write_review_summary(place, result, table, settings, conflicts))

    def _write(self, write: Callable[[], str]) -> None:
        self._files = [job for job in self._files if job.is_running]
        job = JobSlot(self._background, "file", self._busy)
        self._files.append(job)
        job.start(
            lambda _: write(), self.notice.emit, lambda error: self.failed.emit(explain(error))
        )
