"""A bar that is drawn when everything else is."""

from __future__ import annotations

from qtpy.QtWidgets import QProgressBar

__all__ = ["SteadyBar"]

_STEPS = 1000


class SteadyBar(QProgressBar):
    """How far something is.

    Qt draws a bar that moves at once, and with it the whole window and its canvas, in the middle
    of whatever is going on; this one is drawn with everything else, soon.
    """

    def show_done(self, done: int, total: int, text: str = "") -> None:
        """Move to `done` of `total`, with a text on the bar where it shows one."""
        self.setUpdatesEnabled(False)
        self.setRange(0, total)
        self.setValue(done)
        self.setFormat(text)
        self.setUpdatesEnabled(True)

    def show_share(self, share: float, text: str = "") -> None:
        """Move to a share from 0 to 1."""
        self.show_done(round(_STEPS * share), _STEPS, text)

    @property
    def share(self) -> float:
        """How far it is, from 0 to 1."""
        return self.value() / max(1, self.maximum())
