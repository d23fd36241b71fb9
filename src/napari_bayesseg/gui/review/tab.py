"""The tab in which uncertain places are looked at one by one, and decided."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from napari_bayesseg.core.volume import Volume
from napari_bayesseg.gui.connections import Connections
from napari_bayesseg.gui.result_layers import ResultLayers
from napari_bayesseg.gui.review.audit.audit_panel import AuditPanel
from napari_bayesseg.gui.review.buttons import ActionButton
from napari_bayesseg.gui.review.control import NO_REVIEW, ReviewControl
from napari_bayesseg.gui.review.decision_panel import DecisionPanel
from napari_bayesseg.gui.review.draws.draws_panel import DrawsPanel
from napari_bayesseg.gui.review.editing.edit_panel import EditPanel
from napari_bayesseg.gui.review.files_panel import FilesPanel
from napari_bayesseg.gui.review.keys.actions import ALL_ACTIONS, Action, get_action
from napari_bayesseg.gui.review.keys.shortcuts import PanelKeys
from napari_bayesseg.gui.review.learning.learn_panel import LearnPanel
from napari_bayesseg.gui.review.progress_panel import MessagePanel, ProgressPanel
from napari_bayesseg.gui.review.region_binding import RegionBinding
from napari_bayesseg.gui.review.region_view import RegionView
from napari_bayesseg.gui.review.status_style import PALETTES
from napari_bayesseg.gui.review.tasks import TaskPages
from napari_bayesseg.gui.review.threshold_panel import ThresholdPanel
from napari_bayesseg.gui.rows import in_column
from napari_bayesseg.gui.when_open import WhenOpen
from napari_bayesseg.review.labels.edits import Contour
from napari_bayesseg.review.status import Replacement
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.preferences import Preferences
from napari_bayesseg.session.session import Session

if TYPE_CHECKING:
    import napari

__all__ = ["ReviewTab"]

_READ_ONLY = "Read-only: nothing can be decided here"


class ReviewTab(QWidget):
    """Thresholds, list of regions, decisions and files of the review that is open.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    session : Session
        Tells which review is open.
    layers : ResultLayers
        Keeps the heat maps.
    """

    def __init__(
        self,
        napari_viewer: napari.Viewer,
        session: Session,
        layers: ResultLayers,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._desk: ReviewDesk | None = None
        self._connections = Connections()
        self.control = ReviewControl(napari_viewer, layers, self)
        begin, end = self.control.begin, self.control.end
        self.messages = MessagePanel(begin, end)
        self.panel = ThresholdPanel()
        self.regions = RegionView()
        self.decisions = DecisionPanel(begin, end)
        self.edit = EditPanel(begin, end)
        self.draws = DrawsPanel(begin, end)
        self.files = FilesPanel(begin, end)
        self.audits = AuditPanel(begin, end)
        self.learning = LearnPanel(session.learning, begin, end)
        self.progress = ProgressPanel()
        self.tasks = TaskPages()
        self._stack = WhenOpen(self._body(), NO_REVIEW)
        in_column(self, self._stack, margin=4)
        self._former_page: QWidget | None = None
        self._keys = PanelKeys(self, ALL_ACTIONS, begin)
        self.list = RegionBinding(self.regions, self.decisions.note, self.control, self)
        self.control.said.connect(self.messages.note)
        self.control.audit_asked.connect(self._on_audit_asked)
        self.control.learning_asked.connect(self._on_learning_asked)
        self.audits.running_changed.connect(self._on_auditing)
        self.audits.place_chosen.connect(self.control.show_audited)
        self.control.start_chosen.connect(partial(self._begin_from, session))
        self.control.layers_missing.connect(self.messages.restore.setVisible)
        self.panel.thresholds.dragged.connect(self._on_dragged)
        self.panel.thresholds.released.connect(self._on_released)
        self.panel.measure_chosen.connect(self._on_measure_chosen)
        self.decisions.replacement_chosen.connect(self._on_replacement_chosen)
        self.control.note_wanted.connect(self._write_note)
        self.files.crops_changed.connect(partial(setattr, self.control, "crop_settings"))
        session.desk_changed.connect(self.set_desk)

    @property
    def has_review(self) -> bool:
        """Whether a review is open."""
        return self._desk is not None

    def set_desk(self, desk: ReviewDesk | None) -> None:
        """Show another review, or none."""
        if desk is self._desk:
            return
        self._connections.drop()
        self._desk = desk
        self.messages.clear()
        self.control.set_desk(desk)
        self.edit.set_desk(desk)
        self.draws.set_desk(desk, self.control.canvas)
        self.audits.set_desk(desk)
        self.learning.set_desk(desk)
        self.list.set_desk(desk)
        if desk is None:
            self._stack.set_open(False)
            return
        self._connections.follow(
            (desk.measure_changed, self._on_measure),
            (desk.thresholds_changed, self._on_thresholds),
            (desk.regions_changed, self._show_line),
            (desk.statuses_changed, self._show_line),
            (desk.editing_changed, self._on_editing),
            (desk.editor.contour_changed, self._on_contour),
            (desk.busy_changed, self.panel.set_busy),
            (desk.crops.running_changed, self.files.set_writing_crops),
            (desk.crops.progressed, self.files.set_crops_share),
            (desk.saved, self._on_saved),
            (desk.failed, self.messages.fail),
            (desk.notice, self.messages.note),
        )
        self._fill(desk)
        self._stack.set_open(True)

    def _body(self) -> QWidget:
        self.tasks.add_page(self.decisions, "Decide", "Accept, reject, defer, move on")
        self.tasks.add_page(
            self.edit, "Edit", "Paint, fill, smooth, grow and shrink in this region"
        )
        self.tasks.add_page(self.draws, "Draws", "How the draws disagree about this region")
        self.tasks.add_page(self.audits, "Audit", "Check random places among what is left unseen")
        self.tasks.add_page(self.learning, "Learn", "Let the model learn from what you decided")
        self.tasks.add_page(
            self.files, "Files", "Begin from a mask, compare; write mask, decisions, crops"
        )
        body = QWidget()
        layout = in_column(
            body, self.messages, self.panel, self.regions, self.tasks, self.progress, spacing=5
        )
        layout.setStretchFactor(self.regions, 1)
        return body

    def set_actions(self, actions: tuple[Action, ...]) -> None:
        """Let the actions have other keys, here and on the canvas."""
        self._keys.set_actions(actions)
        for button in self.findChildren(ActionButton):
            button.set_action(get_action(button.action.id, actions))
        desk = self._desk
        if desk is not None:  # some captions say what is going on
            self.decisions.set_editing(desk.editing)
            self.files.set_writing_crops(desk.crops.is_running)
        self.control.set_actions(actions)

    def set_preferences(self, preferences: Preferences) -> None:
        """Show everything as the person likes it."""
        palette = PALETTES[preferences.palette]
        self.regions.set_palette(palette)
        self.draws.set_palette(palette)
        self.edit.set_margin(preferences.edit_margin)
        self.audits.propose_places(preferences.audit_places)
        self.control.set_preferences(preferences)

    def _fill(self, desk: ReviewDesk) -> None:
        """Show everything about a review that was opened."""
        notices = ([_READ_ONLY] if desk.read_only else []) + [desk.review.notice]
        self.messages.set_notice("; ".join(filter(None, notices)))
        self.panel.set_result(desk.result)
        self.panel.set_busy(desk.is_busy)
        self.files.set_writing_crops(desk.crops.is_running)
        self.decisions.set_replacements(
            desk.result.class_names[0], desk.review.has_start, desk.replacement
        )
        self.decisions.set_read_only(desk.read_only)
        self.decisions.set_editing(desk.editing)
        self.progress.clear_saved()
        self._on_measure(desk.settings.measure)
        self._show_line()

    def _begin_from(self, session: Session, mask: Volume) -> None:
        if self._desk is not None:
            session.open_result(self._desk.result, start=mask)

    # What the desk says

    def _on_measure(self, measure: str) -> None:
        desk = self._desk
        if desk is not None:
            self.panel.set_source(desk.source, desk.settings)

    def _on_thresholds(self, lower: float, upper: float) -> None:
        self.panel.thresholds.set_values(lower, upper)
        self._show_line()

    def _on_editing(self, is_editing: bool) -> None:
        """Bring the page of editing to the front while the brush is out."""
        self.decisions.set_editing(is_editing)
        self._keys.set_enabled("editing", is_editing)
        if is_editing:
            self._former_page = self.tasks.currentWidget()
            self.tasks.show_page(self.edit)
        elif self._former_page is not None:
            self.tasks.show_page(self._former_page)
            self._former_page = None

    def _on_contour(self, contour: Contour | None) -> None:
        self._keys.set_enabled("contour", contour is not None)

    def _on_saved(self) -> None:
        self.messages.clear()
        self.progress.set_saved()

    def _show_line(self) -> None:
        if self._desk is not None:
            line = self._desk.live_line()
            self.panel.set_line(line)
            self.progress.set_line(line)
            self.progress.set_finish(str(self._desk.finish.progress))

    def _on_auditing(self, is_on: bool) -> None:
        """Let nothing be decided that isn't shown, and let Escape stop."""
        self.regions.setEnabled(not is_on)
        self.decisions.setEnabled(not is_on)
        self._keys.set_enabled("audit", is_on)
        if is_on:
            self.tasks.show_page(self.audits)

    # What the person does

    def _on_audit_asked(self) -> None:
        self.tasks.show_page(self.audits)
        self.audits.start()

    def _on_learning_asked(self, what: str) -> None:
        self.tasks.show_page(self.learning)
        self.learning.run(what)

    def _on_dragged(self, lower: float, upper: float) -> None:
        if self._desk is not None:
            self.panel.set_line(self._desk.drag(lower, upper))

    def _on_released(self, lower: float, upper: float) -> None:
        if self._desk is not None:
            self._desk.release(lower, upper)

    def _on_measure_chosen(self, measure: str) -> None:
        if self._desk is not None:
            self._desk.set_measure(measure)

    def _write_note(self) -> None:
        self.tasks.show_page(self.decisions)
        self.decisions.note.begin()

    def _on_replacement_chosen(self, replacement: Replacement) -> None:
        if self._desk is not None:
            self._desk.replacement = replacement
