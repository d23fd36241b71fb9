"""The dock widget: a session, what of it is shown in the viewer, and a tab for each task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import ReferenceType, ref

from napari.layers import Layer
from napari.utils.notifications import show_warning
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QCloseEvent, QShowEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QTabWidget, QVBoxLayout, QWidget

from napari_bayesseg.core.volume import Volume
from napari_bayesseg.gui.evaluate.tab import EvaluateTab
from napari_bayesseg.gui.layers import volume_layer
from napari_bayesseg.gui.predict.tab import PredictTab
from napari_bayesseg.gui.preferences import PagePreferences
from napari_bayesseg.gui.result_layers import ResultLayers
from napari_bayesseg.gui.review.keys.key_choice import with_keys
from napari_bayesseg.gui.review.tab import ReviewTab
from napari_bayesseg.gui.scan_source import layer_of
from napari_bayesseg.gui.threads import QtBackground
from napari_bayesseg.gui.train.tab import TrainTab
from napari_bayesseg.inference.result import Result
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.job import JobSlot, explain
from napari_bayesseg.session.prediction import Outcome
from napari_bayesseg.session.preferences import Preferences
from napari_bayesseg.session.session import Session
from napari_bayesseg.session.training import TrainingOutcome

if TYPE_CHECKING:
    import napari

__all__ = ["MainWidget"]

_LEAST_WIDTH = 360
_SIZE = QSize(390, 640)
# napari pads the bar as well as its tabs, which cuts their upper ends off.
_TABS = "QTabBar { padding: 0px; border: 0px; } QTabBar::tab { padding: 5px 12px; }"


class MainWidget(QWidget):
    """Predict in one tab; train, review and evaluate in others; one session a widget.

    The session is closed, and its threads are waited for, when the widget leaves its dock, when
    its window is closed, and when the application quits.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Whose layers it works with.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        # Weak: napari lets go of its window when it is closed, and Python then deletes it.
        self._window: ReferenceType[QWidget] | None = None
        self._stay = False  # in this tab when the next review opens
        self._background = QtBackground()
        self.session = Session(self._background)
        self._reading = JobSlot(self._background, "read scan")
        self.layers = ResultLayers(napari_viewer, self)
        self.predict_tab = PredictTab(napari_viewer, self.session, self._background)
        self.train_tab = TrainTab(napari_viewer, self.session, self._background)
        self.review_tab = ReviewTab(napari_viewer, self.session, self.layers)
        self.evaluate_tab = EvaluateTab(napari_viewer, self.session)
        self.preferences = PagePreferences(self)
        self._take_preferences(self.preferences.preferences)
        self.review_tab.set_actions(with_keys(self.preferences.keys))
        self.tabs = QTabWidget()
        self.tabs.setStyleSheet(_TABS)
        self.tabs.addTab(_scrolled(self.predict_tab), "Predict")
        self.tabs.addTab(_scrolled(self.train_tab), "Train")
        self._of_a_review = (_scrolled(self.review_tab), _scrolled(self.evaluate_tab))
        for area, title in zip(self._of_a_review, ("Review", "Evaluate"), strict=True):
            self.tabs.addTab(area, title)
        self._enable_tabs(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)
        self.setMinimumWidth(_LEAST_WIDTH)
        # Lengths are asked for again and again; and where a layer with a colour bar, or one of
        # shapes, is deleted, napari 0.9 crashes software OpenGL unless something is drawn on top.
        napari_viewer.canvas.overlays.scale_bar.visible = True
        self._connect()

    def show_result(self, path: Path, start: Volume | None = None) -> None:
        """Open a result: its layers, its scan where that is still there, and its review.

        Parameters
        ----------
        path : Path
            Of the result store.
        start : Volume, optional
            Labels to begin a review from, in place of the predicted ones.
        """
        self.session.open_result(path, start=start)

    def close_session(self) -> None:
        """Cancel what runs, wait for its threads, and leave the viewer alone from now on."""
        if self._background.is_closed:
            return
        self.review_tab.set_desk(None)
        self.evaluate_tab.set_desk(None)
        self.predict_tab.stop()
        self.train_tab.stop()
        self.layers.stop()
        self.preferences.close()
        _let_go(self._background, self._releases())
        self.setEnabled(False)

    def sizeHint(self) -> QSize:
        """Leave room for the picture in a window of 1280 x 800."""
        return _SIZE

    def event(self, event: QEvent) -> bool:
        """Close the session when the widget is taken out of its dock."""
        if event.type() == QEvent.Type.ParentChange and self.parentWidget() is None:
            self.close_session()
        return super().event(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close the session of a widget that is a window by itself."""
        if self.isWindow():
            self.close_session()
        super().closeEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        """Watch the window that the widget is in now."""
        super().showEvent(event)
        window = self.window()
        if window is not self and not self._is_in(window):
            self._window = ref(window)
            window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Close the session before the window is deleted: a closed one may still come back."""
        if event.type() == QEvent.Type.DeferredDelete and self._is_in(watched):
            self.close_session()
        return False

    def _is_in(self, window: QObject) -> bool:
        return self._window is not None and self._window() is window

    def _connect(self) -> None:
        session, prediction = self.session, self.session.prediction
        prediction.opened.connect(self._on_opened)
        prediction.block_written.connect(self.layers.refresh)
        prediction.ended.connect(self._on_ended)
        session.training.ended.connect(self._on_trained)
        session.training.state_changed.connect(self._on_training_state)
        self.train_tab.predict_clicked.connect(lambda: self.tabs.setCurrentIndex(0))
        session.result_changed.connect(self._on_result)
        session.desk_changed.connect(self._on_desk)
        self.layers.removed.connect(self.predict_tab.tell_deleted)
        self.preferences.changed.connect(self._take_preferences)
        self.preferences.keys_changed.connect(
            lambda keys: self.review_tab.set_actions(with_keys(keys))
        )
        self.preferences.said.connect(self._tell_preference)
        for line in self.preferences.problems:
            self._tell_preference(line)
        self._background.closing.connect(self.close_session)
        # Should the window be deleted without a word, nothing must outlive it.
        self.destroyed.connect(partial(_let_go, self._background, self._releases()))

    def _releases(self) -> tuple[Callable[[], object], ...]:
        """Return what ends everything; none of it touches a widget, which may be gone."""
        return (
            self.predict_tab.disconnect_viewer,
            self.train_tab.disconnect_viewer,
            self.evaluate_tab.disconnect_viewer,
            self.layers.disconnect_viewer,
            self._reading.close,
            self.session.close,  # and with it the background
        )

    def _take_preferences(self, preferences: Preferences) -> None:
        self.session.set_preferences(preferences)
        self.layers.set_colours(preferences.heat_colours)
        self.review_tab.set_preferences(preferences)

    def _tell_preference(self, line: str) -> None:
        """Say in both tabs, and in napari, what of the preferences can't be used."""
        self.predict_tab.message.show_message("note", line)
        self.review_tab.messages.note(line)
        show_warning(line)

    def _on_opened(self, result: Result) -> None:
        if self.session.result is not None:
            self.session.close_result()  # the layers of one result at a time
        self.layers.show(result, self.predict_tab.form.scan_layer, gradually=True)

    def _on_ended(self, outcome: Outcome) -> None:
        if self.layers.result is not None:  # whatever of it was not added yet comes now
            self.layers.show(self.layers.result, self.predict_tab.form.scan_layer)
        if outcome.kind == "done" and outcome.result is not None:
            # A warning should be read before the first region is flown to.
            self._stay = bool(outcome.unfamiliar)
            self.session.open_result(outcome.result)

    def _on_trained(self, outcome: TrainingOutcome) -> None:
        if outcome.kind == "done":
            self.predict_tab.form.model.add_folder(outcome.folder)

    def _on_training_state(self, state: str) -> None:
        if state in ("starting", "idle"):
            self.predict_tab.ask()  # nothing is predicted while something is trained

    def _on_result(self, result: Result | None) -> None:
        if result is None:
            return
        layer = layer_of(self._viewer, result.spec)
        self.layers.show(result, layer)
        source = result.spec.source
        if layer is None and source is not None:
            axes = result.record["scan"].get("axes")
            self._reading.start(
                lambda _: read_volume(source, axes=axes),
                done=self._add_scan,
                failed=self._on_scan_gone,
            )

    def _add_scan(self, volume: Volume) -> None:
        self._viewer.layers.insert(0, Layer.create(*volume_layer(volume)))

    def _on_scan_gone(self, error: Exception) -> None:
        text = f"the result opens without its scan: {explain(error)}"
        self.predict_tab.message.show_message("note", text)

    def _enable_tabs(self, has_review: bool) -> None:
        for area in self._of_a_review:
            self.tabs.setTabEnabled(self.tabs.indexOf(area), has_review)

    def _on_desk(self, desk: ReviewDesk | None) -> None:
        self._enable_tabs(desk is not None)
        if desk is None:
            return
        if not self._stay:
            self.tabs.setCurrentWidget(self._of_a_review[0])
        self._stay = False


def _scrolled(tab: QWidget) -> QScrollArea:
    """Let a tab scroll upwards and downwards where the window is low."""
    area = QScrollArea()
    area.setWidget(tab)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area


def _let_go(
    background: QtBackground, releases: Sequence[Callable[[], object]], _: object = None
) -> None:
    if not background.is_closed:
        for release in releases:
            release()
