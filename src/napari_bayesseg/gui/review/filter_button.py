"""One button for everything that leaves regions out of the list."""

from __future__ import annotations

import math
from collections.abc import Iterable

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QAction, QKeyEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QWidget,
    QWidgetAction,
)
from superqt.utils import signals_blocked

from napari_bayesseg.gui.review.status_style import PALETTES, Palette, status_icon
from napari_bayesseg.review.regions.region_filter import Mark, RegionFilter
from napari_bayesseg.review.status import Status
from napari_bayesseg.session.preferences import PaletteName

__all__ = ["FilterButton"]

_SHORT = {
    Mark.MUST_SEE: "to look at",
    Mark.BORDER: "border",
    Mark.NOTE: "note",
    Mark.CONFLICT: "conflicts",
}
_LARGEST_VOLUME = 1e12
_MOST_VOXELS_APART = 8


class _Number(QDoubleSpinBox):
    """A number to type in a menu: Enter takes it over, and leaves the menu's entries alone."""

    def __init__(self) -> None:
        super().__init__()
        self.setKeyboardTracking(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keep Enter from the menu, which would run the entry that it thinks is meant."""
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()


class FilterButton(QPushButton):
    """Opens a menu of ticks; its text says which are set.

    Attributes
    ----------
    chosen : Signal(object)
        A :class:`RegionFilter`.
    min_volume_chosen : Signal(float)
        Least volume of a region, in cubic units of the scan.
    merge_distance_chosen : Signal(float)
        Up to which distance regions are one, in the scan's unit; 0: as they are connected.
    """

    chosen = Signal(object)
    min_volume_chosen = Signal(float)
    merge_distance_chosen = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes: dict[int, tuple[QCheckBox, QAction]] = {}
        menu = QMenu(self)
        self._show_all = QAction("Show all", menu)
        self._show_all.triggered.connect(self.clear)
        menu.addAction(self._show_all)
        _add_title(menu, "Status")
        self.statuses = {status: self._tick(menu, status.value)[0] for status in Status}
        _add_title(menu, "Holds the class")
        self._before_marks = _add_title(menu, "Mark")
        self.marks = {mark: self._tick(menu, mark.value)[0] for mark in Mark}
        menu.addSeparator()
        self.min_volume = _Number()
        self.min_volume.setRange(0.0, _LARGEST_VOLUME)
        self.min_volume.setToolTip("Smaller regions are left out of the list, and of the numbers")
        self.min_volume.valueChanged.connect(self.min_volume_chosen)
        menu.addAction(_number_row(menu, "Smallest", self.min_volume))
        self.merge_distance = _Number()
        self.merge_distance.setSpecialValueText("never")
        self.merge_distance.setToolTip(
            "Regions that are no farther apart become one, as the fragments of one streak, as long "
            "as it still fits the screen"
        )
        self.merge_distance.valueChanged.connect(self.merge_distance_chosen)
        menu.addAction(_number_row(menu, "Join within", self.merge_distance))
        self.setMenu(menu)
        self._menu = menu
        self.set_palette(PALETTES[PaletteName.OKABE_ITO])
        # The canvas keeps the keyboard when the button is clicked.
        self.setAutoDefault(False)
        self._say()

    def set_palette(self, palette: Palette) -> None:
        """Draw the shapes of the statuses in other colours."""
        for status, box in self.statuses.items():
            box.setIcon(status_icon(status, palette))

    def _tick(self, menu: QMenu, text: str) -> tuple[QCheckBox, QAction]:
        """Add a box to tick: unlike an entry of the menu, it leaves that open."""
        box = QCheckBox(text)
        box.toggled.connect(self._on_toggled)
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(10, 1, 10, 1)
        row.addWidget(box)
        action = QWidgetAction(menu)
        action.setDefaultWidget(holder)
        menu.addAction(action)
        return box, action

    @property
    def filter(self) -> RegionFilter:
        """What is ticked; nothing of a kind means all of it."""
        statuses = [status for status, box in self.statuses.items() if box.isChecked()]
        classes = [index for index, (box, _) in self._classes.items() if box.isChecked()]
        marks = [mark for mark, box in self.marks.items() if box.isChecked()]
        return RegionFilter.of(statuses or None, classes or None, marks)

    def set_classes(self, names: Iterable[str]) -> None:
        """Offer these predicted classes; none is ticked."""
        for _, action in self._classes.values():
            self._menu.removeAction(action)
            action.deleteLater()
        self._classes = {}
        for index, name in enumerate(names):
            box, action = self._tick(self._menu, name)
            self._menu.insertAction(self._before_marks, action)
            self._classes[index] = (box, action)
        self._say()

    def class_box(self, index: int) -> QCheckBox:
        """Return the tick of a class."""
        return self._classes[index][0]

    def set_min_volume(self, volume: float, voxel: float, unit: str) -> None:
        """Show the least volume of a region; `voxel` is that of one, in the same unit."""
        with signals_blocked(self.min_volume):
            self.min_volume.setDecimals(max(0, 2 - math.floor(math.log10(voxel))))
            self.min_volume.setSingleStep(10 * voxel)
            self.min_volume.setSuffix(f" {unit}")
            self.min_volume.setValue(volume)

    def set_merge_distance(self, distance: float, spacing: float, unit: str) -> None:
        """Show up to which distance regions are joined; `spacing` is the smallest one."""
        with signals_blocked(self.merge_distance):
            self.merge_distance.setDecimals(max(0, 2 - math.floor(math.log10(spacing))))
            self.merge_distance.setRange(0.0, _MOST_VOXELS_APART * spacing)
            self.merge_distance.setSingleStep(spacing)
            self.merge_distance.setSuffix(f" {unit}")
            self.merge_distance.setValue(distance)

    def set_filter(self, wanted: RegionFilter) -> None:
        """Tick what a filter holds; emits nothing."""
        with signals_blocked(self):
            for status, box in self.statuses.items():
                box.setChecked(wanted.statuses is not None and status in wanted.statuses)
            for index, (box, _) in self._classes.items():
                box.setChecked(wanted.classes is not None and index in wanted.classes)
            for mark, box in self.marks.items():
                box.setChecked(mark in wanted.marks)
        self._say()

    def clear(self) -> None:
        """Show all regions; the least volume stays."""
        if self.filter != RegionFilter():
            self.set_filter(RegionFilter())
            self.chosen.emit(self.filter)

    def _on_toggled(self) -> None:
        if not self.signalsBlocked():
            self._say()
            self.chosen.emit(self.filter)

    def _say(self) -> None:
        wanted = self.filter
        parts = [status.value for status in Status if status in (wanted.statuses or ())]
        parts += [self.class_box(index).text() for index in sorted(wanted.classes or ())]
        parts += [text for mark, text in _SHORT.items() if mark in wanted.marks]
        self._show_all.setEnabled(bool(parts))
        short = parts[0] if len(parts) == 1 else f"{len(parts)} filters"
        text = short if parts else "Filter"
        self.setText(self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, 90))
        self.setToolTip(
            f"Only regions that are or have: {', '.join(parts)}"
            if parts
            else "Show only some regions: by status, predicted class, marks, or size"
        )


def _add_title(menu: QMenu, text: str) -> QAction:
    """Add a heading; themes leave those of sections out."""
    line = menu.addSeparator()
    label = QLabel(text)
    label.setContentsMargins(10, 2, 10, 2)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    action = QWidgetAction(menu)
    action.setDefaultWidget(label)
    menu.addAction(action)
    return line


def _number_row(menu: QMenu, title: str, number: QDoubleSpinBox) -> QWidgetAction:
    """Return an entry with a number to type."""
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(10, 2, 10, 4)
    row.addWidget(QLabel(title))
    row.addWidget(number, 1)
    action = QWidgetAction(menu)
    action.setDefaultWidget(holder)
    return action
