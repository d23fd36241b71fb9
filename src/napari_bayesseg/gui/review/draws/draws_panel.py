"""How the draws disagree about the current region: their volumes, and leafing through them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QWidget
from superqt.utils import signals_blocked

from napari_bayesseg.core.unit_symbols import amount_text
from napari_bayesseg.gui.connections import Connections
from napari_bayesseg.gui.review.buttons import Handler, button_grid
from napari_bayesseg.gui.review.draws.strip_plot import StripPlot
from napari_bayesseg.gui.review.status_style import Palette
from napari_bayesseg.gui.rows import in_column
from napari_bayesseg.numerics.regions import Region
from napari_bayesseg.review.regions.region_draws import RegionDraws
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.desk_draws import DrawsDesk
from napari_bayesseg.session.desk_line import volume_text

if TYPE_CHECKING:
    from napari_bayesseg.gui.review.canvas import ReviewCanvas

__all__ = ["DrawsPanel"]

_BUTTONS = (("draw_previous", "draw_next", "play_draws", "take_draw", "toggle_runner_up"),)
_WAITING = "making the draws\u2026"
_POINT = "Point at a voxel to read what the network says there"
_CLASS_TIP = "Whose volume is shown: that of the region's voxels to which a draw gives this class"


class DrawsPanel(QWidget):
    """Volumes of the current region over the draws, buttons, and the voxel under the cursor."""

    def __init__(self, begin: Handler, end: Handler) -> None:
        super().__init__()
        self._desk: DrawsDesk | None = None
        self._connections = Connections()
        self._draws: RegionDraws | None = None
        self._region: Region | None = None
        self._index = 0
        self._message = ""
        self.class_choice = QComboBox()
        self.class_choice.setToolTip(_CLASS_TIP)
        self.class_choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.text = _one_line()
        self.plot = StripPlot()
        self.readout = _two_lines()
        buttons, self.buttons = button_grid(_BUTTONS, begin, end)
        for name in ("play_draws", "toggle_runner_up"):
            self.buttons[name].setCheckable(True)
        row = QHBoxLayout()
        row.addWidget(self.class_choice)
        row.addWidget(self.text, 1)
        layout = in_column(self, spacing=3)
        layout.addLayout(row)
        layout.addWidget(self.plot)
        layout.addWidget(buttons)
        layout.addWidget(self.readout)
        self.plot.chosen.connect(self._on_chosen)
        self.class_choice.currentIndexChanged.connect(self._redraw)
        self.set_readout("")
        self._redraw()

    def set_palette(self, palette: Palette) -> None:
        """Mark the draw that is looked at in another colour."""
        self.plot.set_palette(palette)

    def set_desk(self, desk: ReviewDesk | None, canvas: ReviewCanvas | None) -> None:
        """Show the draws of another review, or of none.

        Parameters
        ----------
        desk : ReviewDesk or None
        canvas : ReviewCanvas or None
            Where it is shown: reads the voxel under the cursor, and plays the draws.
        """
        self._connections.drop()
        self._desk = None if desk is None else desk.draws
        self.set_readout("")
        self.set_playing(False)
        if self._desk is None:
            self.set_draws(None)
            return
        self._connections.follow(
            (self._desk.draws_changed, self.set_draws),
            (self._desk.index_changed, self.set_index),
            (self._desk.message_changed, self.set_message),
            (self._desk.runner_up_changed, self.set_runner_up),
        )
        if canvas is not None:
            canvas.disagreement.readout.changed.connect(self.set_readout)
            canvas.disagreement.player.changed.connect(self.set_playing)
        self.set_draws(self._desk.draws)
        self.set_index(self._desk.index)
        self.set_message(self._desk.message)
        self.set_runner_up(self._desk.runner_up_shown)
        self._desk.follows = self.isVisible()

    def set_draws(self, draws: RegionDraws | None) -> None:
        """Show another region, or one draw more."""
        self._draws = draws
        region = None if draws is None else draws.region
        if region != self._region:
            self._region = region
            with signals_blocked(self.class_choice):
                self.class_choice.clear()
        if draws is not None:
            self._offer_classes(draws)
        self._redraw()

    def set_index(self, index: int) -> None:
        """Highlight a draw, from 1; 0 the predicted label."""
        self._index = index
        self._redraw()

    def set_message(self, message: str) -> None:
        """Say why there are no draws; empty where there are."""
        self._message = message
        self._redraw()

    def set_runner_up(self, is_shown: bool) -> None:
        """Show by the button whether the runner-up is outlined."""
        self.buttons["toggle_runner_up"].setChecked(is_shown)

    def set_playing(self, is_playing: bool) -> None:
        """Show by the button whether draws follow each other by themselves."""
        self.buttons["play_draws"].setChecked(is_playing)

    def set_readout(self, text: str) -> None:
        """Say what is known of the voxel under the cursor; empty where there is none."""
        _write(self.readout, text or _POINT)

    def showEvent(self, event: QShowEvent) -> None:
        """Have draws made for each region from now on, without being asked."""
        super().showEvent(event)
        self._follow(True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Have draws made only where they are asked for."""
        super().hideEvent(event)
        self._follow(False)

    def _follow(self, wanted: bool) -> None:
        if self._desk is not None:
            self._desk.follows = wanted

    def _on_chosen(self, index: int) -> None:
        if self._desk is not None:
            self._desk.go_to(index)

    def _offer_classes(self, draws: RegionDraws) -> None:
        """List the classes of the region; the choice stays while draws come in."""
        chosen, count = self.class_choice.currentData(), self.class_choice.count()
        if draws.classes == tuple(self.class_choice.itemData(n) for n in range(count)):
            return
        with signals_blocked(self.class_choice):
            self.class_choice.clear()
            for index in draws.classes:
                self.class_choice.addItem(draws.class_names[index], index)
            self.class_choice.setCurrentIndex(max(0, self.class_choice.findData(chosen)))

    def _redraw(self) -> None:
        draws, chosen = self._draws, self.class_choice.currentData()
        self.class_choice.setVisible(chosen is not None)
        if draws is None or chosen is None:
            self.plot.clear()
            _write(self.text, self._message or _WAITING)
            return
        unit = draws.unit
        volumes, predicted = draws.volumes[:, chosen], float(draws.predicted_volumes[chosen])
        interval = draws.interval(chosen)
        self.plot.set_volumes(volumes, predicted, interval, partial(volume_text, unit=unit))
        self.plot.set_shown(self._index)
        if not draws.draws:
            _write(self.text, self._message or _WAITING)
        elif 0 < self._index <= len(draws.draws):
            volume = volume_text(float(volumes[self._index - 1]), unit)
            _write(self.text, f"draw {self._index} of {draws.num_draws}: {volume}")
        else:
            low, label = (amount_text(v) for v in (interval.low, predicted))
            high = volume_text(interval.high, unit)
            _write(self.text, f"label {label} \u00b7 draws {low} \u2013 {high}")


def _one_line() -> QLabel:
    """Return a label that never asks for more width than there is."""
    label = QLabel()
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return label


def _two_lines() -> QLabel:
    """Return a label of a steady height: it must not push anything about while the mouse moves."""
    label = QLabel()
    label.setWordWrap(True)
    label.setAlignment(Qt.AlignmentFlag.AlignTop)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    label.setFixedHeight(2 * label.fontMetrics().lineSpacing() + 2)
    return label


def _write(label: QLabel, text: str) -> None:
    if label.text() != text:
        label.setText(text)
        label.setToolTip(text)
