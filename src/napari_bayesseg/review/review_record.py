"""What of a review is saved: its steps, and where the person is."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from napari_bayesseg.core.errors import SettingsError, StoreError
from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.review.journal.events import EVENTS
from napari_bayesseg.review.journal.journal import Journal, Row
from napari_bayesseg.review.journal.operation_rows import operation_content, read_index
from napari_bayesseg.review.journal.operations import Kind, Operation, RegionDecision, Tool
from napari_bayesseg.review.labels.voxels import VoxelChange
from napari_bayesseg.review.regions.region_names import RegionNames
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.status import Replacement

__all__ = ["ReviewRecord"]


class ReviewRecord:
    """The journal of a review that may be written, or of one that may not.

    Attributes
    ----------
    folder : Path
    read_only : bool
    is_closed : bool
    """

    def __init__(
        self, folder: Path, journal: Journal | None, read_only: bool, resources: ExitStack
    ) -> None:
        self.folder = folder
        self.read_only = read_only
        self._journal = journal
        self._resources = resources
        self._state: dict[str, Any] = {} if journal is None else journal.state
        self._names_saved = 0
        self.is_closed = False

    @property
    def sequence(self) -> int:
        """Number of the last row; 0 where there is none."""
        return 0 if self._journal is None else self._journal.sequence

    @property
    def head(self) -> str:
        """Hash of the last row; empty where there is none."""
        return "" if self._journal is None else self._journal.head

    def timeline(self) -> list[tuple[str, str, str]]:
        """Return time (ISO 8601), user and action of every row."""
        return [] if self._journal is None else self._journal.timeline()

    @property
    def end(self) -> tuple[int, str]:
        """Number and hash of the last row; 0 and empty where there is none."""
        return (0, "") if self._journal is None else self._journal.end

    @property
    def user(self) -> str:
        """Who takes the steps; empty where there is no journal."""
        return "" if self._journal is None else self._journal.user

    @property
    def settings(self) -> RegionSettings | None:
        """What regions were last made with."""
        try:
            return RegionSettings.from_json(self._state["settings"]).checked()
        except (KeyError, StoreError, SettingsError):
            return None

    @property
    def position(self) -> Index3 | None:
        """Where the person was at the last step."""
        try:
            return read_index(self._state["position"])
        except (KeyError, TypeError, ValueError):
            return None

    def names(self, shape: Index3) -> RegionNames:
        """Return the names that regions have been given; none where they can't be read."""
        try:
            found = RegionNames.from_json(shape, self._state["names"])
        except (KeyError, TypeError, StoreError):
            return RegionNames(shape)
        self._names_saved = found.count
        return found

    def check_writable(self) -> Journal:
        """Return the journal if steps can be taken.

        Raises
        ------
        StoreError
            Saying why not.
        """
        if self.is_closed:
            raise StoreError(f"{self.folder}: the review is closed: open it again")
        if self.read_only or self._journal is None:
            raise StoreError(
                f"{self.folder}: the review is open for reading only: close it where else it is "
                "open, or name another folder"
            )
        return self._journal

    def save_settings(self, settings: RegionSettings) -> None:
        """Add a row with new settings, unless they are those saved last."""
        journal = self.check_writable()
        if settings != self.settings:
            content = settings.checked().as_json()
            state = {"settings": content}
            journal.append("settings", content, state=state)
            self._state |= state

    def save_names(self, names: RegionNames) -> None:
        """Save which places have which ids; no row, because it changes nothing decided."""
        count = names.count
        if count != self._names_saved:  # they are only ever added
            self.check_writable().set_state({"names": names.as_json()})
            self._names_saved = count

    def save_position(self, position: Index3) -> None:
        """Save where the person is; no row, because it changes nothing that was decided."""
        journal = self.check_writable()
        if position != self.position:
            state = _position_state(position)
            journal.set_state(state)
            self._state |= state

    def save_operation(
        self,
        kind: Kind,
        decisions: tuple[RegionDecision, ...],
        change: VoxelChange | None,
        settings: RegionSettings | None,
        replacement: Replacement | None,
        note: str,
        position: Index3 | None,
        tool: Tool | None = None,
    ) -> Operation:
        """Add the row of an operation, with where the person goes next."""
        state = _position_state(position)
        if settings is not None and settings != self.settings:
            state["settings"] = settings.checked().as_json()
        content = operation_content(decisions, settings, replacement, note, tool)
        row = self._append(kind, content, None if change is None else change.to_bytes(), state)
        return Operation(
            row.sequence,
            row.time_utc,
            row.user,
            kind,
            decisions,
            change,
            settings,
            replacement,
            note,
            tool,
        )

    def save_reversal(self, action: str, operation: Operation) -> None:
        """Add the row of an ``"undo"`` or ``"redo"``; the person goes back to that place."""
        content = {"operation": operation.sequence}
        self._append(action, content, None, _position_state(operation.position))

    def save_event(self, action: str, content: Mapping[str, Any]) -> Row:
        """Add the row of an event, which changes no label."""
        if action not in EVENTS:
            raise SettingsError(f"an event must be one of {', '.join(EVENTS)}; got {action}")
        return self._append(action, content, None, {})

    def _append(
        self,
        action: str,
        content: Mapping[str, Any],
        change: bytes | None,
        state: Mapping[str, Any],
    ) -> Row:
        row = self.check_writable().append(action, content, change, state)
        self._state.update(state)
        return row

    def close(self) -> None:
        """Give the journal and the lock back."""
        self.is_closed = True
        self._resources.close()


def _position_state(position: Index3 | None) -> dict[str, Any]:
    return {} if position is None else {"position": [int(index) for index in position]}
