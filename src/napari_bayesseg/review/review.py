"""A review: what a person decides about a result, saved step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.numerics.region_map import RegionMap
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.decisions import (
    LabelsToBe,
    decide_regions,
    kind_of,
    label_change,
)
from napari_bayesseg.review.edit_steps import EditSteps
from napari_bayesseg.review.journal.journal_rows import Row
from napari_bayesseg.review.journal.operations import Operation
from napari_bayesseg.review.labels.voxels import Labels
from napari_bayesseg.review.opening import open_review, replayed_labels, review_folder
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.status import Replacement, Status

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result

__all__ = ["Review", "read_reviewed_labels"]


class Review(EditSteps):
    """The review of one result; opened by :meth:`open`, closed by :meth:`close`.

    A step is on the disk when the method that takes it returns. Threads may call it in turn.
    """

    @classmethod
    def open(
        cls,
        result: Result,
        *,
        folder: Path | None = None,
        user: str | None = None,
        start: Volume | None = None,
        read_only: bool = False,
    ) -> Review:
        """Open the review of a result, or begin one.

        The journal is checked and replayed, and the copy of the mask repaired where a killed
        program left it behind. Where another process reviews the result, or the folder can't be
        written to, the review is opened for reading only; :attr:`notice` says so.

        Parameters
        ----------
        result : Result
        folder : Path, optional
            Of the review; by default beside the result, with the suffix ``.review``.
        user : str, optional
            Who decides; by default the account's name.
        start : Volume, optional
            A mask to begin from instead of the predicted labels. A copy of it is kept.
        read_only : bool
            Write nothing, and take no lock.

        Raises
        ------
        FormatError
            If `start` doesn't fit the scan and its classes.
        StoreError
            If the journal is damaged or of another scan, or the result is damaged.
        """
        return cls(result, open_review(result, folder, user, start, read_only))

    def set_settings(self, settings: RegionSettings) -> None:
        """Save what regions are made with from now on; StoreError where it can't be."""
        with self._lock:
            self._record.save_settings(settings)

    def keep_names(self) -> None:
        """Save the ids that regions were given since; StoreError where they can't be."""
        with self._lock:
            self._record.save_names(self.names)

    def set_position(self, position: Index3) -> None:
        """Save where the person is; StoreError where it can't be."""
        with self._lock:
            self._record.save_position(position)

    def record_event(self, action: str, content: Mapping[str, Any]) -> Row:
        """Save something that changes no label, and that undo leaves alone.

        Parameters
        ----------
        action : str
            One of :data:`~napari_bayesseg.review.journal.events.EVENTS`.
        content : mapping
            JSON values.

        Raises
        ------
        SettingsError
            For another action.
        StoreError
            If it can't be saved.
        """
        with self._lock:
            row = self._record.save_event(action, content)
            self._events.append(row)
            return row

    def decide(
        self,
        regions: Sequence[Region],
        region_labels: RegionMap,
        status: Status,
        *,
        settings: RegionSettings | None,
        replacement: Replacement = Replacement.RUNNER_UP,
        note: str = "",
        next_position: Index3 | None = None,
        labels_to_be: LabelsToBe | None = None,
        spare_accepted: bool = False,
    ) -> Operation:
        """Decide about regions, in one step however many they are.

        Parameters
        ----------
        regions : sequence of Region
        region_labels : RegionMap
            Their ids.
        status : Status
            Accepted: the predicted labels stand, but not where a brush wrote last, and an edited
            region stays edited. Rejected: the labels are replaced. Deferred: only the status.
            Pending: reopened, with the labels that the review began from.
        settings : RegionSettings or None
            What made the regions.
        replacement : Replacement
            Of rejected labels.
        note : str
        next_position : (z, y, x), optional
            Where the person goes next; saved with the decision.
        labels_to_be : LabelsToBe, optional
            What was read before of the labels that the regions' voxels get.
        spare_accepted : bool
            Leave voxels alone that were accepted as part of other regions, and regions of which
            that is half or more.

        Returns
        -------
        Operation

        Raises
        ------
        SettingsError
            If there is no region, the arrays don't fit, or the status is ``EDITED``.
        StoreError
            If it can't be saved; then nothing was decided.
        """
        with self._lock:
            self._record.check_writable()
            kind = kind_of(status)
            used = replacement if kind == "reject" else None
            if used is Replacement.PREVIOUS and not self.has_start:
                raise SettingsError(
                    "a label can be replaced by the previous one only where the review began from "
                    f"a mask; choose {Replacement.BACKGROUND} or {Replacement.RUNNER_UP}"
                )
            decisions = decide_regions(
                self.history, regions, region_labels, status, spare_accepted=spare_accepted
            )
            change = label_change(
                self.result, self.history, self.mask, kind, decisions, used, labels_to_be
            )
            return self._carry_out(
                self._record.save_operation(
                    kind, decisions, change, settings, used, note, next_position
                )
            )

    def undo(self) -> Operation | None:
        """Take the last step back, decision or stroke; nothing is erased from the journal.

        Returns
        -------
        Operation or None
            What was undone; None where there is nothing.

        Raises
        ------
        StoreError
            If it can't be saved; then nothing was undone.
        """
        with self._lock:
            self._record.check_writable()
            if not self.history.applied:
                return None
            last = self.history.applied[-1]
            former = self.history.beneath(last)
            if last.change is None:
                self._record.save_reversal("undo", last)
                self.history.undo(former)
                return last
            labels = self.mask.expected(last.change.box, former)
            self._record.save_reversal("undo", last)
            self.history.undo(former)
            self.mask.take_back(last.change, labels)
            return last

    def redo(self) -> Operation | None:
        """Do again what was undone last.

        Returns
        -------
        Operation or None
            What was done again; None where there is nothing.

        Raises
        ------
        StoreError
            If it can't be saved; then nothing was done.
        """
        with self._lock:
            self._record.check_writable()
            if not self.history.undone:
                return None
            last = self.history.undone[-1]
            self._record.save_reversal("redo", last)
            self.history.redo()
            if last.change is not None:
                self.mask.write(last.change)
            return last


def read_reviewed_labels(result: Result, folder: Path | None = None) -> Labels:
    """Return the reviewed labels of a result ``(Z, Y, X)`` by the journal of its review.

    They are the predicted ones until somebody decides. Another process may be reviewing.

    Raises
    ------
    StoreError
        If the journal or the result is damaged, or they don't belong together.
    """
    return replayed_labels(result, folder or review_folder(result))
