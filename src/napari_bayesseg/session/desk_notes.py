"""Notes on the regions of a desk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.notes import (
    Note,
    note_content,
    notes_by_region,
    notes_in_force,
    one_line,
    text_of,
)
from napari_bayesseg.review.regions.region_table import RegionTable

if TYPE_CHECKING:
    from napari_bayesseg.session.desk_state import DeskState

__all__ = ["DeskNotes"]


class DeskNotes:
    """What was written about the regions of a desk: why, and what is to be asked.

    A note is in the journal as soon as it is written, and stays when decisions are undone. The next
    decision about its region carries the text, too.

    Signals:

    - ``changed(tuple of region ids)``
    """

    changed = Signal(tuple)

    def __init__(self, desk: DeskState) -> None:
        self._desk = desk
        self._notes: dict[int, tuple[Note, ...]] = {}
        self._texts: dict[int, str] = {}

    @property
    def texts(self) -> Mapping[int, str]:
        """Notes of the regions that have one, by region id."""
        return self._texts

    def text(self, region_id: int | None) -> str:
        """Return a region's note; empty where it has none."""
        return "" if region_id is None else self._texts.get(region_id, "")

    def match(self, table: RegionTable) -> None:
        """Find the regions of a table that the notes belong to; BayesSegError if one is damaged."""
        notes = notes_in_force(self._desk.review.events)
        self._notes = notes_by_region(notes, table) if notes else {}
        self._texts = {key: text_of(several) for key, several in self._notes.items()}

    def write(self, text: str, region: Region | None = None) -> bool:
        """Keep a note on a region in place of what it had; empty takes that away.

        Parameters
        ----------
        text : str
        region : Region, optional
            By default the current one; may be of a former table.

        Returns
        -------
        bool
            Whether the journal holds it.
        """
        desk = self._desk
        region = region or desk.current
        if region is None:
            desk.notice.emit("there is no region to write a note on")
            return False
        if desk.read_only:
            desk.refuse()
            return False
        try:
            line = one_line(text)
            # Thresholds may have moved while somebody wrote.
            region_id = int(desk.table.region_labels[region.position])
            if line == self.text(region_id):
                return True
            former = self._notes.get(region_id, ())
            row = desk.review.record_event("note", note_content(region, line, former))
            self.match(desk.table)
        except BayesSegError as error:
            desk.failed.emit(str(error))
            return False
        desk.saved.emit(row.sequence)
        desk.refresh_marks()
        self.changed.emit((region_id,) if region_id else ())
        return True
