"""The tab in which a scan, a model and settings become a running prediction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.theme import get_theme
from qtpy.QtWidgets import QFrame, QWidget

from napari_bayesseg.core.errors import BayesSegError
from napari_bayesseg.gui.look_ahead import LookAhead
from napari_bayesseg.gui.message import MessageLine, WarningBox, for_window
from napari_bayesseg.gui.predict.open_box import OpenBox
from napari_bayesseg.gui.predict.predict_box import PredictBox
from napari_bayesseg.gui.predict.predict_form import PredictForm
from napari_bayesseg.gui.predict.target import Target, first_free, look_at
from napari_bayesseg.gui.rows import in_column
from napari_bayesseg.inference.estimate import RunEstimate
from napari_bayesseg.session.background import Background
from napari_bayesseg.session.prediction import Outcome, PredictionRequest
from napari_bayesseg.session.session import Session

if TYPE_CHECKING:
    import napari

__all__ = ["PredictTab"]

_ESTIMATING = "estimating time and memory \u2026"


class PredictTab(QWidget):
    """Asks, runs, and says how it goes.

    Parameters
    ----------
    viewer : napari.Viewer
    session : Session
    background : Background
        Where it looks at the disk.
    parent : QWidget, optional
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        session: Session,
        background: Background,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self._look = LookAhead(
            background,
            "look at result",
            read=self._read,
            found=self._on_looked,
            refused=self._refuse,
            parent=self,
        )
        self._target: Target | None = None
        self._is_estimating = False
        self.form = PredictForm(viewer)
        self.run_box = PredictBox()
        self.message = MessageLine()
        self.warning = WarningBox()
        self.open_box = OpenBox()
        self._lay_out()
        self._connect()
        self._on_theme()
        self.ask()

    @property
    def target(self) -> Target | None:
        """What lies at the result's place; None while that is being found out."""
        return self._target

    def ask(self) -> None:
        """Find out, soon, what a click on Run would do and need."""
        self._target, self._is_estimating = None, False
        self.run_box.offer(None)
        self.run_box.show_estimate(_ESTIMATING)
        self._look.ask()

    def run(self) -> None:
        """Do what the button says: run, resume, or open what is finished."""
        target = self._target
        try:
            request = self.form.request()
            if target is None or target.kind == "blocked":
                return
            request = replace(request, out=target.path)
            self.message.clear_message()
            self.warning.show_lines(())
            if target.kind == "finished":
                self._session.open_result(target.path, request.scan)
            else:
                self._session.prediction.run(request)
        except BayesSegError as error:
            self.message.show_message("error", str(error))

    def tell_deleted(self, layer_name: str) -> None:
        """Say that a layer of the result is gone, and that nothing else is."""
        if self._session.prediction.is_running:
            text = f"the layer {layer_name!r} was deleted; the run goes on, and opening its result "
            self.message.show_message("note", text + "brings the layer back")

    def stop(self) -> None:
        """Ask nothing more."""
        self._look.stop()

    def disconnect_viewer(self) -> None:
        """Follow the viewer no more."""
        self._look.close()
        self._viewer.events.theme.disconnect(self._on_theme)
        self.form.disconnect_viewer()

    def _lay_out(self) -> None:
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        parts = (self.form, self.run_box, self.message, self.warning)
        layout = in_column(self, *parts, spacing=8, margin=6)
        layout.addStretch(1)
        layout.addWidget(line)
        layout.addWidget(self.open_box)

    def _connect(self) -> None:
        self._viewer.events.theme.connect(self._on_theme)
        self.form.changed.connect(self.ask)
        self.run_box.clicked.connect(self.run)
        self.run_box.cancel_clicked.connect(self._session.prediction.cancel)
        self.open_box.result_chosen.connect(self._on_result_chosen)
        self.open_box.probabilities_chosen.connect(self._on_probabilities_chosen)
        self._session.busy_changed.connect(self._on_busy)
        self._session.failed.connect(self._on_failed)
        prediction = self._session.prediction
        prediction.progressed.connect(self.run_box.show_progress)
        prediction.state_changed.connect(self._on_state)
        prediction.ended.connect(self._on_ended)
        prediction.estimate_ready.connect(self._on_estimate)

    # What a click would do

    def _read(self) -> Callable[[], tuple[PredictionRequest, Target]] | None:
        if self._session.prediction.is_running:
            return None
        request = self.form.request()
        look = first_free if self.form.out.is_automatic else look_at
        return lambda: (request, look(request))

    def _refuse(self, reason: str) -> None:
        self.form.out.show_target(None)
        self.run_box.show_estimate(for_window(reason))
        self.run_box.offer(None, for_window(reason))

    def _on_looked(self, found: tuple[PredictionRequest, Target]) -> None:
        request, target = found
        self._target = target
        self.form.out.propose(target.path)
        self.form.out.show_target(target)
        self.run_box.offer(target, overwrite=request.overwrite)
        is_replaced = target.kind == "other" and request.overwrite
        self._is_estimating = is_replaced or target.kind in ("new", "resume")
        if self._is_estimating:
            self._session.prediction.estimate(replace(request, out=target.path))
        else:
            self.run_box.show_estimate("")

    def _on_estimate(self, answer: RunEstimate | str) -> None:
        if not self._is_estimating:
            return  # of a request that has changed since
        text = for_window(str(answer))
        self.run_box.show_estimate(text)
        if isinstance(answer, str):
            self.run_box.offer(self._target, text, overwrite=self.form.out.overwrite)

    # What the session says

    def _on_state(self, state: str) -> None:
        self.form.setEnabled(state == "idle")
        self.run_box.show_state(state)
        if state == "idle":
            self.ask()

    def _on_ended(self, outcome: Outcome) -> None:
        self.warning.show_lines(outcome.unfamiliar)
        if outcome.kind == "done" and outcome.result is not None:
            name = outcome.result.path.name
            self.message.show_message("done", f"{name} is finished; go on in the tab Review")
        elif outcome.kind == "cancelled":
            self.message.show_message("note", outcome.message)
        else:
            self.message.show_message("error", outcome.message)

    def _on_theme(self, _: object = None) -> None:
        self.warning.set_colour(get_theme(self._viewer.theme).warning.as_hex())

    def _on_busy(self, is_busy: bool) -> None:
        self.open_box.set_busy(is_busy)

    def _on_failed(self, text: str) -> None:
        self.message.show_message("error", text)

    # Other ways to a result

    def _on_result_chosen(self, path: Path) -> None:
        self.message.clear_message()
        self._session.open_result(path)

    def _on_probabilities_chosen(self, paths: list[Path], out: Path) -> None:
        self.message.clear_message()
        try:
            scan = self.form.volume() if self.form.scan_layer is not None else None
        except BayesSegError:
            scan = None
        self._session.import_probabilities(paths, out, scan)
