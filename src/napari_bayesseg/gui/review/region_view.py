"""The list of regions with its order and filters: click to fly there."""

from __future__ import annotations

from qtpy.QtCore import QItemSelectionModel, QSize, Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableView,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_bayesseg.gui.review.filter_button import FilterButton
from napari_bayesseg.gui.review.region_model import COLUMNS, RegionModel
from napari_bayesseg.gui.review.status_style import Palette
from napari_bayesseg.gui.rows import in_column
from napari_bayesseg.review.regions.queue import Order

__all__ = ["RegionView"]

_ROW_HEIGHT = 22
_ORDERS = {
    Order.EXPECTED_ERROR: ("most expected error", "What is probably most wrong comes first"),
    Order.SIZE: ("largest", "Largest first"),
    Order.PATH: (
        "shortest path",
        "A short way through all places from here on, with little scrolling; choose it again to "
        "plan it anew from where you are",
    ),
    Order.DIVERSE: (
        "one of each kind",
        "Regions that look alike are kept apart: the worst of every kind in turn",
    ),
    Order.CLASS: ("class by class", "By the main predicted class, then by expected error"),
    Order.POSITION: ("slice by slice", "From the lowest slice to the highest"),
}


class RegionView(QWidget):
    """Table of the regions with the choice of an order and a filter.

    Attributes
    ----------
    chosen : Signal(int)
        Id of the region that was clicked, or reached by the arrow keys.
    order_chosen : Signal(object)
        :class:`Order`, from the list of orders or a click on a heading.
    filter_chosen : Signal(object)
        :class:`~napari_bayesseg.review.regions.region_filter.RegionFilter`
    """

    chosen = Signal(int)
    order_chosen = Signal(object)
    filter_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = RegionModel()
        self.table = _table(self.model)
        self.order = _order_choice()
        self.filter = FilterButton()
        self.count = QLabel()
        filters = QHBoxLayout()
        filters.setContentsMargins(0, 0, 0, 0)
        filters.addWidget(QLabel("Order"))
        filters.addWidget(self.order, 1)
        filters.addWidget(self.filter)
        filters.addWidget(self.count)
        layout = in_column(self, spacing=2)
        layout.addLayout(filters)
        layout.addWidget(self.table, 1)
        # Also where the same one is chosen again: a path is then planned anew.
        self.order.activated.connect(self._on_order)
        self.filter.chosen.connect(self.filter_chosen)
        self.table.horizontalHeader().sectionClicked.connect(self._on_heading)
        self.table.selectionModel().currentRowChanged.connect(self._on_row)
        self.table.clicked.connect(lambda index: self._choose(index.row()))
        self.model.modelReset.connect(self._count_rows)
        self.model.modelReset.connect(self._fit_headings)
        self._total = 0

    def set_order(self, order: Order) -> None:
        """Show in which order the rows are; emits nothing."""
        self.model.set_order(order)
        self.order.setCurrentIndex(list(_ORDERS).index(order))

    def set_palette(self, palette: Palette) -> None:
        """Draw the shapes of the statuses in other colours."""
        self.model.set_palette(palette)
        self.filter.set_palette(palette)

    def set_total(self, total: int) -> None:
        """Say how many regions there are beside how many are shown."""
        self._total = total
        self._count_rows()

    def show_current(self, region_id: int | None) -> None:
        """Highlight a region and bring it into view; emits nothing."""
        row = None if region_id is None else self.model.row_of(region_id)
        selection = self.table.selectionModel()
        with signals_blocked(selection):
            if row is None:
                selection.clear()
            else:
                flags = QItemSelectionModel.SelectionFlag
                selection.setCurrentIndex(
                    self.model.index(row, 0), flags.ClearAndSelect | flags.Rows
                )
        # Its signals were blocked, so that the view itself has not heard of it either.
        self.table.bring_current()
        self.table.viewport().update()

    def _fit_headings(self) -> None:
        """Let no heading be cut: units may be long. What the person has widened stays so."""
        header = self.table.horizontalHeader()
        for section in range(len(COLUMNS)):
            needed = header.sectionSizeHint(section)
            if header.sectionSize(section) < needed:
                header.resizeSection(section, needed)

    def _count_rows(self) -> None:
        shown = self.model.rowCount()
        self.count.setText(
            f"{shown:,}" if shown == self._total else f"{shown:,} of {self._total:,}"
        )

    def _on_order(self, index: int) -> None:
        self.order_chosen.emit(list(_ORDERS)[index])

    def _on_heading(self, section: int) -> None:
        if COLUMNS[section].order is not None:
            self.order_chosen.emit(COLUMNS[section].order)

    def _on_row(self) -> None:
        if self.table.hasFocus():  # arrow keys; a click comes by itself
            self._choose(self.table.currentIndex().row())

    def _choose(self, row: int) -> None:
        region_id = self.model.id_at(row)
        if region_id is not None:
            self.chosen.emit(region_id)


class _LowTable(QTableView):
    """A table that needs little height and takes what there is: messages come and go above it."""

    def sizeHint(self) -> QSize:
        """Return the height of a few rows."""
        return QSize(super().sizeHint().width(), 5 * _ROW_HEIGHT)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the current row in view: also where it was chosen before there was any room."""
        super().resizeEvent(event)
        self.bring_current()

    def bring_current(self) -> None:
        """Scroll to the current row, and not sideways."""
        current = self.currentIndex()
        if current.isValid():
            self.scrollTo(current.siblingAtColumn(max(self.columnAt(0), 0)))


def _table(model: RegionModel) -> _LowTable:
    table = _LowTable()
    table.setModel(model)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.setWordWrap(False)
    table.setShowGrid(False)
    # The canvas keeps the keyboard when a row is clicked.
    table.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    table.verticalHeader().hide()
    table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    table.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setSectionsClickable(True)
    header.setStretchLastSection(True)
    for section, column in enumerate(COLUMNS):
        header.resizeSection(section, column.width)
    return table


def _order_choice() -> QComboBox:
    combo = QComboBox()
    combo.setToolTip("In which order regions come; it stays while you decide")
    for text, tooltip in _ORDERS.values():
        combo.addItem(text)
        combo.setItemData(combo.count() - 1, tooltip, Qt.ItemDataRole.ToolTipRole)
    combo.setMinimumContentsLength(8)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return combo
