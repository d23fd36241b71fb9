"""Work that needs the whole machine: its states, and how one piece keeps another waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from psygnal import Signal

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.session.background import Background
from napari_bayesseg.session.job import JobSlot

__all__ = ["Work", "WorkState"]

WorkState = Literal["idle", "starting", "running", "learning", "predicting", "cancelling"]


class Work:
    """One piece of work at a time, in the background, beside no other that needs all processors.

    Signals, all emitted on the owner's thread:

    - ``state_changed(str)``: see :attr:`state`.

    Parameters
    ----------
    background : Background
    name : str
        Of its threads.
    under_way : str
        Why other work has to wait while this is running.
    in_the_way : callable
        Says what else is under way that needs all processors, empty for nothing.
    """

    state_changed = Signal(str)

    def __init__(
        self, background: Background, name: str, under_way: str, in_the_way: Callable[[], str]
    ) -> None:
        self._job = JobSlot(background, name)
        self._under_way = under_way
        self._in_the_way = in_the_way
        self._state: WorkState = "idle"

    @property
    def state(self) -> WorkState:
        """What is being done; ``"cancelling"`` until that has ended."""
        return self._state

    @property
    def is_running(self) -> bool:
        """Whether something has not ended yet."""
        return self._state != "idle"

    @property
    def under_way(self) -> str:
        """What stands in the way of other work; empty for nothing."""
        return self._under_way if self.is_running else ""

    @property
    def refusal(self) -> str:
        """Why nothing can be begun now; empty where it can."""
        return self.under_way or self._in_the_way()

    def check_free(self) -> None:
        """Refuse to begin beside something else.

        Raises
        ------
        SettingsError
            If this is running, or something else that needs all processors is.
        """
        if self.refusal:
            raise SettingsError(self.refusal)

    def cancel(self) -> None:
        """Ask what is running to stop; how it ended is still told."""
        if self._state not in ("idle", "cancelling"):
            self._enter("cancelling")
            self._job.stop()

    def close(self) -> None:
        """Cancel everything; no signal is emitted afterwards."""
        self._job.close()
        self._state = "idle"

    def _enter(self, state: WorkState) -> None:
        if state != self._state:
            self._state = state
            self.state_changed.emit(state)

    def _enter_running(self) -> None:
        """Leave ``"starting"``: something was told of."""
        if self._state == "starting":
            self._enter("running")
