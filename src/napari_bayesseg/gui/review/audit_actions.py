"""What keys and buttons mean while an audit is on."""

from __future__ import annotations

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.gui.review.actions import AUDIT_ACTIONS, Action, get_action
from napari_bayesseg.session.desk import ReviewDesk

__all__ = ["AuditActions"]

# The same fingers: who has decided regions answers at once.
_MEANT = {
    "accept": "agree",
    "reject": "disagree",
    "previous_region": "audit_back",
    "undo": "audit_back",
}
_ALLOWED = {
    *(action.id for action in AUDIT_ACTIONS),
    *("audit", "centre", "hide_overlays", "show_keys", "restore_layers"),
    *("save_mask", "save_decisions", "save_summary"),
}
_AUDIT_IS_ON = "An audit is on: J agrees, K disagrees, H goes back, Escape stops it."


class AuditActions:
    """The part of :class:`~napari_bayesseg.gui.review.control.ReviewControl` that answers."""

    @property
    def desk(self) -> ReviewDesk:
        """The review that is open; SettingsError where none is."""
        raise NotImplementedError

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
            raise SettingsError(_AUDIT_IS_ON)
        return get_action(name)

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
        """End the audit before all places are answered."""
        self.desk.audit.stop()
