"""The list of regions with its filters: click to fly there."""

from __future__ import annotations

from qtpy.QtCore import QItemSelectionModel, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableView,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_bayesseg.gui.review.region_model import COLUMNS, RegionModel
from napari_bayesseg.gui.review.status_style import PALETTES, Palette, status_icon
from napari_bayesseg.review.status import Status
from napari_bayesseg.session.preferences import PaletteName

__all__ = ["RegionView"]

_ROW_HEIGHT = 22


class RegionView(QWidget):
    """Table of the regions with a filter by status and one by class.

    Attributes
    ----------
    chosen : Signal(int)
        Id of the region that was clicked, or reached by the arrow keys.
    order_chosen : Signal(object)
        :class:`Order`, from a click on a heading.
    filter_chosen : Signal(object, object)
        Status or None, and class number or None.
    """

    chosen = Signal(int)
    order_chosen = Signal(object)
    filter_chosen = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = RegionModel()
        self.table = _table(self.model)
        self.status_filter = _combo("Show only regions of this status")
        self.class_filter = _combo("Show only regions that hold this predicted class")
        self.count = QLabel()
        filters = QHBoxLayout()
        filters.setContentsMargins(0, 0, 0, 0)
        filters.addWidget(QLabel("Show"))
        filters.addWidget(self.status_filter, 1)
        filters.addWidget(self.class_filter, 1)
        filters.addWidget(self.count)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(filters)
        layout.addWidget(self.table, 1)
        self.status_filter.addItem("all statuses", None)
        for status in Status:
            self.status_filter.addItem(status.value, status)
        self.set_palette(PALETTES[PaletteName.OKABE_ITO])
        self.set_classes(())
        self.status_filter.currentIndexChanged.connect(self._on_filter)
        self.class_filter.currentIndexChanged.connect(self._on_filter)
        self.table.horizontalHeader().sectionClicked.connect(self._on_heading)
        self.table.selectionModel().currentRowChanged.connect(self._on_row)
        self.table.clicked.connect(lambda index: self._choose(index.row()))
        self.model.modelReset.connect(self._count_rows)
        self._total = 0

    def set_palette(self, palette: Palette) -> None:
        """Draw the shapes of the statuses in other colours."""
        self.model.set_palette(palette)
        for status in Status:
            row = self.status_filter.findData(status)
            self.status_filter.setItemIcon(row, status_icon(status, palette))

    def set_classes(self, names: tuple[str, ...]) -> None:
        """Offer these classes in the filter."""
        with signals_blocked(self.class_filter):
            self.class_filter.clear()
            self.class_filter.addItem("all classes", None)
            for index, name in enumerate(names):
                self.class_filter.addItem(name, index)

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
        if row is not None:
            self.table.scrollTo(self.model.index(row, self._first_column()))
        self.table.viewport().update()

    def _first_column(self) -> int:
        return max(self.table.columnAt(0), 0)

    def _count_rows(self) -> None:
        shown = self.model.rowCount()
        self.count.setText(
            f"{shown:,}" if shown == self._total else f"{shown:,} of {self._total:,}"
        )

    def _on_filter(self) -> None:
        status = self.status_filter.currentData()  # Qt hands back the plain text of such an enum
        self.filter_chosen.emit(status and Status(status), self.class_filter.currentData())

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


def _table(model: RegionModel) -> QTableView:
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


def _combo(tooltip: str) -> QComboBox:
    combo = QComboBox()
    combo.setToolTip(tooltip)
    combo.setMinimumContentsLength(6)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return combo
