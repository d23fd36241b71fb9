"""What a reviewer can do: every action of the table is a method here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_bayesseg.core.errors import BayesSegError, SettingsError
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.gui.result_layers import ResultLayers
from napari_bayesseg.gui.review.audit.audit_actions import AuditActions
from napari_bayesseg.gui.review.canvas import ReviewCanvas
from napari_bayesseg.gui.review.editing.edit_control import EditControl
from napari_bayesseg.gui.review.file_control import FileControl
from napari_bayesseg.gui.review.keys.actions import Action, get_action
from napari_bayesseg.gui.review.keys.cheat_sheet import CheatSheet
from napari_bayesseg.gui.review.learning.learn_actions import LearnActions
from napari_bayesseg.gui.review.side_views import SideViews
from napari_bayesseg.review.audit.audit import AuditPlace
from napari_bayesseg.session.desk import BulkKind, ReviewDesk
from napari_bayesseg.session.preferences import Preferences

if TYPE_CHECKING:
    import napari

__all__ = ["NO_REVIEW", "ReviewControl"]

NO_REVIEW = "No review is open: open a result, or predict one, first."

_BULK_QUESTIONS: dict[BulkKind, tuple[str, str]] = {
    "accept-below": (
        "Accept all below",
        "Accept every pending region whose maximum is below the upper threshold?",
    ),
    "reject-above": (
        "Reject all above",
        "Reject every pending region whose maximum reaches the upper threshold?",
    ),
}


class ReviewControl(EditControl, AuditActions, FileControl, LearnActions):
    """Carries out actions, wherever they come from: button, key, palette or cheat sheet.

    Parameters
    ----------
    viewer : napari.Viewer
    results : ResultLayers
    window : QWidget
        Parent of its dialogs.
    """

    said = Signal(str)
    """One line for the person."""
    layers_missing = Signal(bool)
    """Whether the person has deleted layers of the review."""
    audit_asked = Signal()
    """An audit is to be begun."""
    learning_asked = Signal(str)
    """What of learning is to be done."""
    start_chosen = Signal(object)
    """The mask, a Volume, that the review is to begin from."""
    note_wanted = Signal()
    """The person wants to write a note on the current region."""

    def __init__(self, viewer: napari.Viewer, results: ResultLayers, window: QWidget) -> None:
        super().__init__(window)
        self._viewer = viewer
        self._results = results
        self._window = window
        self._cheat_sheet: CheatSheet | None = None
        self._desk: ReviewDesk | None = None
        self._canvas: ReviewCanvas | None = None
        self._preferences = Preferences()
        self.side = SideViews(viewer, results, window)
        self.side.said.connect(self.said)

    @property
    def canvas(self) -> ReviewCanvas | None:
        """What the review shows on the canvas; None where none is open."""
        return self._canvas

    @property
    def desk(self) -> ReviewDesk:
        """The review that is open.

        Raises
        ------
        SettingsError
            If none is.
        """
        if self._desk is None:
            raise SettingsError(NO_REVIEW)
        return self._desk

    def set_desk(self, desk: ReviewDesk | None) -> None:
        """Put another review on the canvas, or none."""
        self.side.set_review(None, None)
        if self._canvas is not None:
            self._canvas.close()
            self._canvas.deleteLater()
            self._canvas = None
        self._desk = desk
        self.layers_missing.emit(False)
        if desk is not None:
            self._canvas = ReviewCanvas(
                self._viewer, desk, self._results, self.begin, self.end, self
            )
            self._canvas.said.connect(self.said)
            self._canvas.layers_missing.connect(self.layers_missing)
            self._canvas.set_actions(self.actions)
            self._canvas.set_preferences(self._preferences)
            self.side.set_review(desk, self._canvas)

    def set_actions(self, actions: tuple[Action, ...]) -> None:
        """Let the actions have other keys."""
        self.actions = actions
        for part in (self._canvas, self._cheat_sheet):
            if part is not None:
                part.set_actions(actions)

    def set_preferences(self, preferences: Preferences) -> None:
        """Show everything as the person likes it."""
        self._preferences = preferences
        if self._canvas is not None:
            self._canvas.set_preferences(preferences)

    def run(self, name: str) -> None:
        """Carry out the action with this id; one to hold begins, or ends where it is on."""
        action = get_action(name)
        if action.hold and self._canvas is not None and self._canvas.is_hiding:
            self.end(action)
        else:
            self.begin(action)

    def begin(self, action: Action) -> None:
        """Carry out an action, or begin one to hold."""
        try:
            getattr(self, self.meant(action).id)()
        except BayesSegError as error:
            self.said.emit(str(error))

    def end(self, action: Action) -> None:
        """End an action that is held."""
        if self._canvas is not None:
            getattr(self, f"end_{action.id}")()

    # The actions' methods, in the table's order.

    def accept(self) -> None:
        """Accept the current region."""
        self.desk.accept()

    def reject(self) -> None:
        """Reject the current region."""
        self.desk.reject()

    def defer(self) -> None:
        """Defer the current region."""
        self.desk.defer()

    def reopen(self) -> None:
        """Take back the decision on the current region."""
        self.desk.reopen()

    def previous_region(self) -> None:
        """Go to the region before."""
        self.desk.previous()

    def next_region(self) -> None:
        """Go to the next undecided region."""
        self.desk.next()

    def centre(self) -> None:
        """Bring the current region back to the middle."""
        self._open_canvas.centre()

    def hide_overlays(self) -> None:
        """Show the scan alone."""
        self._open_canvas.hide_overlays()

    def end_hide_overlays(self) -> None:
        """Show everything again."""
        self._open_canvas.end_hide_overlays()

    def write_note(self) -> None:
        """Ask for a line about the current region."""
        if self.desk.current is None:
            raise SettingsError("There is no region to write a note on.")
        self.note_wanted.emit()

    def undo(self) -> None:
        """Take the last decision or stroke back."""
        self.desk.undo()
        self._show_place()

    def redo(self) -> None:
        """Do again what was taken back."""
        self.desk.redo()
        self._show_place()

    def draw_next(self) -> None:
        """Show the next draw of the current region."""
        self.desk.draws.flip(1)

    def draw_previous(self) -> None:
        """Show the draw before."""
        self.desk.draws.flip(-1)

    def play_draws(self) -> None:
        """Show one draw after the other, or stop."""
        self._open_canvas.disagreement.player.toggle()

    def take_draw(self) -> None:
        """Give the current region the labels of the draw that is shown."""
        self.desk.take_draw()

    def toggle_runner_up(self) -> None:
        """Outline the runner-up classes, or no more."""
        self.desk.draws.toggle_runner_up()

    def views(self) -> None:
        """Show the two other planes, or close them."""
        self.side.toggle_orthogonal()

    def compare(self) -> None:
        """Ask for another result and show it beside this one."""
        self.side.choose_other()

    def show_keys(self) -> None:
        """Show all keys in a window of their own."""
        if self._cheat_sheet is None:
            self._cheat_sheet = CheatSheet(self._window)
            self._cheat_sheet.set_actions(self.actions)
        self._cheat_sheet.show()
        self._cheat_sheet.raise_()
        self._cheat_sheet.activateWindow()  # Escape closes it

    def accept_below(self) -> None:
        """Accept many regions, after asking."""
        self._bulk("accept-below")

    def reject_above(self) -> None:
        """Reject many regions, after asking."""
        self._bulk("reject-above")

    def begin_from(self, mask: Volume) -> None:
        """Ask for the review to begin anew from a mask."""
        self.start_chosen.emit(mask)

    def audit(self) -> None:
        """Begin an audit, or show the one that is on."""
        self.audit_asked.emit()

    def restore_layers(self) -> None:
        """Bring deleted layers back."""
        self._open_canvas.restore_layers()

    def show_audited(self, place: AuditPlace) -> None:
        """Go to a place of a former audit."""
        self._open_canvas.audit.show(place)

    def _show_place(self) -> None:
        """Go where a step was taken back, also if the person has only scrolled away from there."""
        if not self.desk.editing:
            self._open_canvas.fly()

    @property
    def _open_canvas(self) -> ReviewCanvas:
        if self._canvas is None:
            raise SettingsError(NO_REVIEW)
        return self._canvas

    def _bulk(self, kind: BulkKind) -> None:
        desk = self.desk
        title, question = _BULK_QUESTIONS[kind]
        preview = desk.bulk_preview(kind)
        if preview.count == 0:
            self.said.emit(f"{title}: there is no such pending region.")
            return
        buttons = QMessageBox.StandardButton
        box = QMessageBox(
            QMessageBox.Icon.Question,
            title,
            f"{question}\n\n{preview}.\n\nOne undo takes all of them back.",
            buttons.Ok | buttons.Cancel,
            self._window,
        )
        box.setDefaultButton(buttons.Cancel)
        if box.exec() == buttons.Ok:
            desk.bulk(kind)
