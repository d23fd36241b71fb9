"""The tab in which uncertain places are looked at one by one, and decided."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from psygnal import SignalInstance
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

from napari_bayesseg.core.volume import Volume
from napari_bayesseg.gui.result_layers import ResultLayers
from napari_bayesseg.gui.review.actions import ACTIONS, Action
from napari_bayesseg.gui.review.buttons import ActionButton
from napari_bayesseg.gui.review.control import NO_REVIEW, ReviewControl
from napari_bayesseg.gui.review.decision_panel import DecisionPanel
from napari_bayesseg.gui.review.files_panel import FilesPanel
from napari_bayesseg.gui.review.progress_panel import MessagePanel, ProgressPanel
from napari_bayesseg.gui.review.region_view import RegionView
from napari_bayesseg.gui.review.status_style import PALETTES
from napari_bayesseg.gui.review.tasks import TaskPages
from napari_bayesseg.gui.review.threshold_panel import ThresholdPanel
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.numerics.uncertainty import get_measure, split_excess
from napari_bayesseg.review.queue import Order
from napari_bayesseg.review.status import Replacement, Status
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.preferences import Preferences
from napari_bayesseg.session.session import Session

if TYPE_CHECKING:
    import napari

__all__ = ["ReviewTab"]

_READ_ONLY = "Read-only: nothing can be decided here."


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
        self._connections: tuple[tuple[SignalInstance, Callable[..., None]], ...] = ()
        self.control = ReviewControl(napari_viewer, layers, self)
        begin, end = self.control.begin, self.control.end
        self.messages = MessagePanel(begin, end)
        self.panel = ThresholdPanel()
        self.regions = RegionView()
        self.decisions = DecisionPanel(begin, end)
        self.files = FilesPanel(begin, end)
        self.progress = ProgressPanel()
        self.tasks = TaskPages()
        self._stack = QStackedWidget()
        self._shortcuts: list[QShortcut] = []
        self._lay_out()
        self._bind_keys(ACTIONS)
        self.control.said.connect(self.messages.note)
        self.control.start_chosen.connect(partial(self._begin_from, session))
        self.control.layers_missing.connect(self.messages.restore.setVisible)
        self.panel.thresholds.dragged.connect(self._on_dragged)
        self.panel.thresholds.released.connect(self._on_released)
        self.panel.measure_chosen.connect(self._on_measure_chosen)
        self.regions.chosen.connect(self._on_region_chosen)
        self.regions.order_chosen.connect(self._on_order_chosen)
        self.regions.filter_chosen.connect(self._on_filter_chosen)
        self.decisions.replacement_chosen.connect(self._on_replacement_chosen)
        session.desk_changed.connect(self.set_desk)

    @property
    def has_review(self) -> bool:
        """Whether a review is open."""
        return self._desk is not None

    def set_desk(self, desk: ReviewDesk | None) -> None:
        """Show another review, or none."""
        if desk is self._desk:
            return
        for signal, slot in self._connections:
            signal.disconnect(slot)
        self._desk, self._connections = desk, ()
        self.messages.clear()
        self.control.set_desk(desk)
        if desk is None:
            self.regions.model.clear()
            self._stack.setCurrentIndex(0)
            return
        self._connections = (
            (desk.measure_changed, self._on_measure),
            (desk.thresholds_changed, self._on_thresholds),
            (desk.regions_changed, self._on_regions),
            (desk.queue_changed, self._on_queue),
            (desk.statuses_changed, self._on_statuses),
            (desk.current_changed, self._on_current),
            (desk.editing_changed, self.decisions.set_editing),
            (desk.busy_changed, self.panel.set_busy),
            (desk.saved, self._on_saved),
            (desk.failed, self.messages.fail),
            (desk.notice, self.messages.note),
        )
        for signal, slot in self._connections:
            signal.connect(slot)
        self._fill(desk)
        self._stack.setCurrentIndex(1)

    def _lay_out(self) -> None:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        column.addWidget(self.messages)
        column.addWidget(self.panel)
        column.addWidget(self.regions, 1)
        self.tasks.add_page(self.decisions, "Decide", "Accept, reject, defer, move on")
        self.tasks.add_page(self.files, "Files", "Begin from a mask; write mask and decisions")
        column.addWidget(self.tasks)
        column.addWidget(self.progress)
        empty = QLabel(NO_REVIEW)
        empty.setWordWrap(True)
        empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._stack.addWidget(empty)
        self._stack.addWidget(body)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self._stack)

    def set_actions(self, actions: tuple[Action, ...]) -> None:
        """Let the actions have other keys, here and on the canvas."""
        self._bind_keys(actions)
        by_id = {action.id: action for action in actions}
        for button in self.findChildren(ActionButton):
            button.set_action(by_id[button.action.id])
        if self._desk is not None:
            self.decisions.set_editing(self._desk.editing)
        self.control.set_actions(actions)

    def set_preferences(self, preferences: Preferences) -> None:
        """Show everything as the person likes it."""
        self.regions.set_palette(PALETTES[preferences.palette])
        self.control.set_preferences(preferences)

    def _bind_keys(self, actions: tuple[Action, ...]) -> None:
        """Let the canvas' keys work here too, wherever in the tab the focus is."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._shortcuts = []
        for action in actions:
            if action.key:
                shortcut = QShortcut(QKeySequence(action.key), self)
                self._shortcuts.append(shortcut)
                shortcut.setAutoRepeat(False)
                shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
                shortcut.activated.connect(partial(self.control.begin, action))

    def _fill(self, desk: ReviewDesk) -> None:
        """Show everything about a review that was opened."""
        notices = ([_READ_ONLY] if desk.read_only else []) + [desk.review.notice]
        self.messages.set_notice(" ".join(filter(None, notices)))
        self.panel.set_result(desk.result)
        self.panel.set_busy(desk.is_busy)
        self.regions.set_classes(desk.result.class_names)
        self.regions.model.set_order(desk.queue.order)
        self.decisions.set_replacements(
            desk.result.class_names[0], desk.review.has_start, desk.replacement
        )
        self.decisions.set_read_only(desk.read_only)
        self.decisions.set_editing(desk.editing)
        self.progress.clear_saved()
        self._on_measure(desk.settings.measure)
        self._on_regions()

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
        self.regions.model.set_upper(upper)
        self._show_line()

    def _on_regions(self) -> None:
        desk = self._desk
        if desk is None:
            return
        unit = get_measure(split_excess(desk.settings.measure)[0]).unit
        self.regions.model.set_upper(desk.settings.upper)
        self.regions.model.set_table(desk.table, desk.queue.ids, desk.statuses, unit)
        self.regions.set_total(len(desk.table.regions))
        self._on_current(desk.current)
        self._show_line()

    def _on_queue(self) -> None:
        desk = self._desk
        if desk is not None:
            self.regions.model.set_order(desk.queue.order)
            self.regions.model.set_ids(desk.queue.ids)
            self._on_current(desk.current)

    def _on_statuses(self, changed: tuple[int, ...]) -> None:
        desk = self._desk
        if desk is not None:
            self.regions.model.set_statuses(desk.statuses, changed)
            # A decided region may leave a list that is filtered by status.
            self.regions.model.set_ids(desk.queue.ids)
            self._on_current(desk.current)
            self._show_line()

    def _on_current(self, region: Region | None) -> None:
        self.regions.show_current(None if region is None else region.id)

    def _on_saved(self) -> None:
        self.messages.clear()
        self.progress.set_saved()

    def _show_line(self) -> None:
        if self._desk is not None:
            line = self._desk.live_line()
            self.panel.set_line(line)
            self.progress.set_line(line)

    # What the person does

    def _on_dragged(self, lower: float, upper: float) -> None:
        if self._desk is not None:
            self.panel.set_line(self._desk.drag(lower, upper))

    def _on_released(self, lower: float, upper: float) -> None:
        if self._desk is not None:
            self._desk.release(lower, upper)

    def _on_measure_chosen(self, measure: str) -> None:
        if self._desk is not None:
            self._desk.set_measure(measure)

    def _on_region_chosen(self, region_id: int) -> None:
        desk, canvas = self._desk, self.control.canvas
        if desk is None or canvas is None:
            return
        if desk.current is not None and desk.current.id == region_id:
            canvas.fly()  # back to where the person has scrolled away from
        else:
            desk.go_to(region_id)

    def _on_order_chosen(self, order: Order) -> None:
        if self._desk is not None:
            self._desk.set_order(order)

    def _on_filter_chosen(self, status: Status | None, class_index: int | None) -> None:
        if self._desk is not None:
            self._desk.set_filter(
                None if status is None else (status,),
                None if class_index is None else (class_index,),
            )

    def _on_replacement_chosen(self, replacement: Replacement) -> None:
        if self._desk is not None:
            self._desk.replacement = replacement
