"""Looking at random places among what would be accepted unseen."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.review.audit.audit import (
    DEFAULT_PLACES,
    Audit,
    AuditOutcome,
    AuditPlace,
    AuditRecord,
)
from napari_bayesseg.review.audit.audit_rows import (
    answer_content,
    audit_content,
    audit_of,
    end_content,
    read_audits,
)
from napari_bayesseg.review.audit.looked_at import LookedAt
from napari_bayesseg.review.audit.unseen import UnseenSample, UnseenVoxels, waiting_regions
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.session.background import Background
from napari_bayesseg.session.job import Job, JobSlot, explain

if TYPE_CHECKING:
    from napari_bayesseg.session.desk import ReviewDesk

__all__ = ["AuditDesk"]

_SEED_BITS = 53  # what JSON readers of all kinds hold exactly
_KEEPS_PLACES = (
    "the audit goes on with the places drawn for the former thresholds; the new ones count from "
    "the next audit"
)


@dataclass(frozen=True)
class _Request:
    """What is to be drawn, and of which state of the review."""

    count: int
    seed: int
    sequence: int
    settings: RegionSettings


class AuditDesk:
    """The audits of a :class:`~napari_bayesseg.session.desk.ReviewDesk`.

    Signals:

    - ``started(Audit)``, then ``place_changed(AuditPlace)`` for each place that is asked about.
    - ``answered(AuditPlace, bool)``: once it is saved; True where the person agrees.
    - ``ended(AuditOutcome)``

    One that was not ended goes on when the review is opened again.

    Parameters
    ----------
    desk : ReviewDesk
    background : Background
    changed : callable
        Called after :attr:`is_drawing` may have changed.
    """

    started = Signal(Audit)
    place_changed = Signal(AuditPlace)
    answered = Signal(AuditPlace, bool)
    ended = Signal(AuditOutcome)

    def __init__(
        self, desk: ReviewDesk, background: Background, changed: Callable[[], None]
    ) -> None:
        self._desk = desk
        self._drawing = JobSlot(background, "audit", changed)
        records = read_audits(desk.review.events)
        self._former = tuple(record for record in records if record.is_ended)
        self._record: AuditRecord | None = None
        self._number = 0
        self._told_of_thresholds = False
        for record in records:
            if not record.is_ended:
                self._resume(record)
        desk.thresholds_changed.connect(self._on_thresholds)

    @property
    def is_on(self) -> bool:
        """Whether places are being asked about."""
        return self._record is not None

    @property
    def is_drawing(self) -> bool:
        """Whether places are being drawn for an audit that is about to begin."""
        return self._drawing.is_running

    @property
    def record(self) -> AuditRecord | None:
        """The audit that is on, with its answers."""
        return self._record

    @property
    def place(self) -> AuditPlace | None:
        """The place that is asked about."""
        return None if self._record is None else self._record.audit.places[self._number]

    @property
    def former(self) -> tuple[AuditRecord, ...]:
        """Audits that are over, the oldest first."""
        return self._former

    def start(self, count: int = DEFAULT_PLACES, seed: int | None = None) -> None:
        """Draw places in the background, and ask about the first.

        Parameters
        ----------
        count : int
            Fixed from now on: the bound holds for it alone.
        seed : int, optional
            By default one that nobody has chosen; it stands in the journal.
        """
        desk = self._desk
        if desk.read_only:
            desk.notice.emit(desk.review.notice or "this review is open for reading only")
        elif self.is_on:
            desk.notice.emit("an audit is on: finish it, or stop it first")
        elif count < 1:
            desk.failed.emit(f"an audit needs at least one place; got {count}")
        elif not self.is_drawing:
            self._draw(count, secrets.randbits(_SEED_BITS) if seed is None else seed)

    def _draw(self, count: int, seed: int) -> None:
        desk = self._desk
        review, queue, source = desk.review, desk.queue, desk.source
        request = _Request(count, seed, review.sequence, desk.settings)
        waiting = waiting_regions(queue, desk.settings.upper)

        def work(job: Job) -> UnseenSample:
            looked_at = LookedAt(review.operations())
            unseen = UnseenVoxels(
                desk.result,
                source,
                queue.table.region_labels,
                waiting,
                looked_at,
                review.mask.labels,
            )
            return unseen.sample(count, seed, job.should_stop)

        def failed(error: Exception) -> None:
            desk.failed.emit(explain(error))

        self._drawing.start(work, lambda sample: self._begin(request, sample), failed)

    def _begin(self, request: _Request, sample: UnseenSample) -> None:
        desk = self._desk
        if (desk.review.sequence, desk.settings) != (request.sequence, request.settings):
            # Something was decided while places were drawn: what they were drawn from is no more.
            self._draw(request.count, request.seed)
            return
        if not sample.places:
            desk.notice.emit("nothing would be accepted unseen: there is nothing to audit")
            return
        desk.editing = False
        content = audit_content(
            sample,
            request.seed,
            desk.source.geometry,
            request.settings,
            desk.source.run_id,
        )
        sequence = self._save("audit", content)
        if sequence is None:
            return
        audit = audit_of(desk.review.events[-1])
        self._record, self._number = AuditRecord(audit, {}, False), 0
        self._told_of_thresholds = False
        desk.saved.emit(sequence)
        self.started.emit(audit)
        self._ask(0)
        if len(audit.places) < request.count:
            desk.notice.emit(f"no more than {len(audit.places)} voxels would be accepted unseen")

    def agree(self) -> None:
        """Say that the label is right at this place, and go to the next."""
        self._answer(True)

    def disagree(self) -> None:
        """Say that the label is wrong at this place, and go to the next."""
        self._answer(False)

    def back(self) -> None:
        """Go back to the place before, to answer again; its latest answer counts."""
        if self._number > 0:
            self._ask(self._number - 1)
        elif self.is_on:
            self._desk.notice.emit("this is the first place of the audit")

    def stop(self) -> None:
        """End the audit; places without an answer will count as wrong."""
        if self._record is not None:
            self._end(self._record)

    def close(self) -> None:
        """Drop what is being drawn; no signal is emitted afterwards."""
        self._drawing.close()

    def _answer(self, agrees: bool) -> None:
        record, place = self._record, self.place
        if record is None or place is None:
            self._desk.notice.emit("no audit is on")
            return
        sequence = self._save("audit-answer", answer_content(record.audit, place.number, agrees))
        if sequence is None:
            return
        self._record = record = record.answered(place.number, agrees)
        self._desk.saved.emit(sequence)
        self.answered.emit(place, agrees)
        following = record.next_number
        if following is None:
            self._end(record)
        else:
            self._ask(following)

    def _ask(self, number: int) -> None:
        self._number = number
        place = self.place
        if place is not None:
            self.place_changed.emit(place)

    def _end(self, record: AuditRecord) -> None:
        sequence = self._save("audit-end", end_content(record))
        if sequence is None:
            return
        record = record.ended()
        self._former = (*self._former, record)
        self._record, self._number = None, 0
        self._desk.saved.emit(sequence)
        self.ended.emit(record.outcome)

    def _resume(self, record: AuditRecord) -> None:
        """Go on with an audit that was interrupted, or end it where it can't go on."""
        desk, number = self._desk, record.next_number
        other_run = record.audit.run_id != desk.source.run_id
        if number is not None and not other_run and not desk.read_only:
            self._record, self._number = record, number
            return
        if not desk.read_only:
            self._save("audit-end", end_content(record))
        self._former = (*self._former, record.ended())

    def _on_thresholds(self) -> None:
        """Say once that an audit keeps its places when a handle was let go."""
        record = self._record
        if record is None or self._desk.settings == record.audit.settings:
            self._told_of_thresholds = False
        elif not self._told_of_thresholds:
            self._told_of_thresholds = True
            self._desk.notice.emit(_KEEPS_PLACES)

    def _save(self, action: str, content: dict[str, object]) -> int | None:
        """Save a row; return its number, or None where it can't be, which is told."""
        try:
            return self._desk.review.record_event(action, content).sequence
        except BayesSegError as error:
            self._desk.failed.emit(str(error))
            return None
