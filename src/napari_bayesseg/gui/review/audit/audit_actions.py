"""What keys and buttons mean while an audit is on."""

from __future__ import annotations

from abc import abstractmethod

from qtpy.QtWidgets import QApplication, QMessageBox

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.gui.review.keys.actions import (
    ALL_ACTIONS,
    ANSWERS,
    AUDIT_ACTIONS,
    Action,
    get_action,
)
from napari_bayesseg.session.desk import ReviewDesk

__all__ = ["AuditActions", "ask_to_stop"]

# The same fingers: who has decided regions answers at once.
_MEANT = {**ANSWERS, "undo": "audit_back"}
_ALLOWED = {
    *(action.id for action in AUDIT_ACTIONS),
    *("audit", "centre", "hide_overlays", "views", "show_keys", "restore_layers"),
    *("save_mask", "save_decisions", "save_crops", "save_summary", "save_journal_head"),
    "check_journal",
}


def ask_to_stop(answered: int, places: int) -> bool:
    """Ask whether an audit is to end now; one key may have been meant for something else."""
    buttons = QMessageBox.StandardButton
    left = places - answered
    box = QMessageBox(
        QMessageBox.Icon.Question,
        "Stop the audit",
        f"{answered} of {places} places are answered. The other {left} will count as wrong, and "
        "this audit can't be gone on with.\n\nTo go on another time, close the window instead: "
        "an audit that was not stopped goes on when the review is opened again.",
        buttons.Yes | buttons.Cancel,
        QApplication.activeWindow(),
    )
    box.button(buttons.Yes).setText("Stop")
    box.setDefaultButton(buttons.Cancel)
    return bool(box.exec() == buttons.Yes)


class AuditActions:
    """The part of :class:`~napari_bayesseg.gui.review.control.ReviewControl` that answers."""

    actions: tuple[Action, ...] = ALL_ACTIONS
    """With the keys that they have."""

    @property
    @abstractmethod
    def desk(self) -> ReviewDesk:
        """The review that is open; SettingsError where none is."""

    @property
    def is_auditing(self) -> bool:
        """Whether places are being asked about."""
        try:
            return self.desk.audit.is_on
        except SettingsError:
            return False

    def meant(self, action: Action) -> Action:
        """Return the action that is meant: in an audit, keys answer.

        Raises
        ------
        SettingsError
            Where it must wait until the audit is over.
        """
        if not self.is_auditing:
            return action
        name = _MEANT.get(action.id, action.id)
        if name not in _ALLOWED:
            raise SettingsError(self._how_to_answer())
        return get_action(name)

    def _how_to_answer(self) -> str:
        words = {
            "agree": "agrees",
            "disagree": "disagrees",
            "audit_back": "goes back",
            "stop_audit": "stops it",
        }
        keys = {name: get_action(name, self.actions).key for name in words}
        said = ", ".join(f"{key} {words[name]}" for name, key in keys.items() if key)
        return f"An audit is on: {said}."

    def agree(self) -> None:
        """Say that the label is right at this place."""
        self.desk.audit.agree()

    def disagree(self) -> None:
        """Say that the label is wrong at this place."""
        self.desk.audit.disagree()

    def audit_back(self) -> None:
        """Go back to the place before."""
        self.desk.audit.back()

    def stop_audit(self) -> None:
        """End the audit before all places are answered, after asking: there is no way back."""
        record = self.desk.audit.record
        if record is not None and ask_to_stop(len(record.answers), len(record.audit.places)):
            self.desk.audit.stop()
