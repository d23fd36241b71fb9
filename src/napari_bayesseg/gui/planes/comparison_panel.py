"""The other result of a comparison: its plane, what differs in numbers, and where."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
)

from napari_bayesseg.gui.docks import DockedPanel
from napari_bayesseg.gui.planes.plane_view import PlaneView
from napari_bayesseg.gui.rows import in_column
from napari_bayesseg.session.comparison import Compared
from napari_bayesseg.session.desk_line import cubic_symbol

__all__ = ["ComparisonPanel"]

_TIP = (
    "The same plane of the other result, linked with the canvas\nDrag: move both\n"
    "Click: move the cross-hair\nWheel: zoom, Ctrl+wheel: next slice"
)
_ROW = 22
_ROWS = 6
_NUMBER = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class ComparisonPanel(DockedPanel):
    """A linked view above, numbers and a table of places below."""

    place_chosen = Signal(int)
    """Number of the place that was clicked, or reached by the arrow keys."""

    def __init__(self) -> None:
        super().__init__()
        self.view = PlaneView(drags_cross=False)
        self.view.setToolTip(_TIP)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.table = _table()
        self.table.itemSelectionChanged.connect(self._choose)
        layout = in_column(self, self.view, self.text, self.table, margin=3)
        layout.setStretchFactor(self.view, 1)
        self.setMinimumWidth(280)

    def sizeHint(self) -> QSize:
        """Share the room with the canvas."""
        return QSize(400, 640)

    def show_compared(self, compared: Compared) -> None:
        """Show numbers and places."""
        self.text.setText("\n".join(compared.lines))
        unit = cubic_symbol(compared.first.geometry.unit)
        self.table.setHorizontalHeaderLabels([f"volume ({unit})", "here", "there", "slice"])
        places, names = compared.difference.places, compared.class_names
        self.table.blockSignals(True)
        self.table.setRowCount(len(places))
        for row, place in enumerate(places):
            texts = (
                f"{compared.volume(place.voxel_count):.4g}",
                *(names[label] for label in place.classes),
                str(place.position[0]),
            )
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if column in (0, 3):
                    item.setTextAlignment(_NUMBER)
                item.setToolTip(f"{place.voxel_count:,} voxels, box z,y,x {place.box}")
                self.table.setItem(row, column, item)
        self.table.blockSignals(False)

    def _choose(self) -> None:
        rows = {index.row() for index in self.table.selectedIndexes()}
        if len(rows) == 1:
            self.place_chosen.emit(rows.pop())


def _table() -> QTableWidget:
    table = QTableWidget(0, 4)
    table.setToolTip("Where the labels differ, the largest places first. Click to go there")
    table.setAccessibleName("Places where the two results differ")
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setShowGrid(False)
    # The canvas keeps the keyboard when a row is clicked.
    table.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(_ROW)
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)  # its unit is not cut
    table.setFixedHeight((_ROWS + 1) * _ROW + 8)
    return table
