"""The regions as a table model: rows in the queue's order, cells made when they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from qtpy.QtGui import QFont, QIcon

from napari_bayesseg.gui.review.status_style import PALETTES, Palette, status_icon
from napari_bayesseg.numerics.region_list import Region, RegionList
from napari_bayesseg.review.regions.queue import Order
from napari_bayesseg.review.regions.region_table import RegionTable
from napari_bayesseg.review.status import Status
from napari_bayesseg.session.desk_line import cubic_symbol
from napari_bayesseg.session.preferences import PaletteName

__all__ = ["COLUMNS", "Column", "RegionModel"]

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
_NUMBERS = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_WORDS = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


@dataclass(frozen=True)
class Column:
    """One column: heading, explanation, width in pixels, text, and the order it stands for."""

    heading: str
    tooltip: str
    width: int
    text: Callable[[Region, tuple[str, ...]], str]
    order: Order | None = None
    is_number: bool = True


def _number(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= value < 1e7 else f"{value:.3g}"


def _arrow(order: Order | None) -> str:
    """Return whether the largest come first, or the lowest slice."""
    return "\u25b2 " if order in (Order.POSITION, Order.CLASS) else "\u25bc "


def _classes(region: Region, names: tuple[str, ...]) -> str:
    return ", ".join(names[index] for index in region.classes)


COLUMNS = (
    Column("#", "Number of the region; ! where it must be looked at", 42, lambda r, _: str(r.id)),
    Column("status", "What was decided", 82, lambda r, _: "", is_number=False),
    Column(
        "expected\nerror ({cubic})",
        "Volume that is probably wrong: sum of 1 - largest mean probability. Click to sort",
        72,
        lambda r, _: _number(r.expected_error_volume),
        Order.EXPECTED_ERROR,
    ),
    Column(
        "volume\n({cubic})",
        "Volume of the region. Click to sort",
        58,
        lambda r, _: _number(r.volume),
        Order.SIZE,
    ),
    Column("mean\n({unit})", "Mean of the measure", 50, lambda r, _: f"{r.mean:.3g}"),
    Column("p95\n({unit})", "95th percentile of the measure", 50, lambda r, _: f"{r.p95:.3g}"),
    Column("max\n({unit})", "Maximum of the measure", 50, lambda r, _: f"{r.maximum:.3g}"),
    Column(
        "classes",
        "Predicted classes inside, the most frequent first. Click to go class by class",
        120,
        _classes,
        Order.CLASS,
        is_number=False,
    ),
    Column(
        "slice",
        "Slice (z) of the maximum. Click to sort by position",
        46,
        lambda r, _: str(r.position[0]),
        Order.POSITION,
    ),
    Column(
        "border",
        "Whether it touches the border of the scan, where the model sees less",
        50,
        lambda r, _: "yes" if r.touches_border else "",
        is_number=False,
    ),
    Column("note", "Why: what was written about it", 120, lambda r, _: "", is_number=False),
)
STATUS_COLUMN = 1
NOTE_COLUMN = len(COLUMNS) - 1


class RegionModel(QAbstractTableModel):
    """Regions of a table, in the order and choice of the queue."""

    def __init__(self) -> None:
        super().__init__()
        self._regions = RegionList.of(())
        self._ids: tuple[int, ...] = ()
        self._rows: dict[int, int] = {}
        self._statuses: Mapping[int, Status] = {}
        self._notes: Mapping[int, str] = {}
        self._class_names: tuple[str, ...] = ()
        self._symbols = {"cubic": "", "unit": ""}
        self._upper = float("inf")
        self._order: Order | None = None
        self._palette = PALETTES[PaletteName.OKABE_ITO]
        self._icons: dict[Status, QIcon] = {}
        self._bold = QFont()
        self._bold.setBold(True)

    def set_table(
        self,
        table: RegionTable,
        ids: Sequence[int],
        statuses: Mapping[int, Status],
        unit: str,
        notes: Mapping[int, str] | None = None,
    ) -> None:
        """Show the regions `ids` of a table, in this order; `unit` is the measure's."""
        self.beginResetModel()
        self._regions = RegionList.of(table.regions)
        self._class_names = table.class_names
        self._symbols = {"cubic": cubic_symbol(table.unit), "unit": unit}
        self._statuses = statuses
        self._notes = notes or {}
        self._set_ids(ids)
        self.endResetModel()

    def set_order(self, order: Order) -> None:
        """Mark the column that gives the order by an arrow in its heading."""
        self._order = order
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(COLUMNS) - 1)

    def set_palette(self, palette: Palette) -> None:
        """Draw the shapes of the statuses in other colours."""
        self._palette, self._icons = palette, {}
        if self._ids:
            top, bottom = (self.index(row, STATUS_COLUMN) for row in (0, len(self._ids) - 1))
            self.dataChanged.emit(top, bottom)

    def clear(self) -> None:
        """Show nothing."""
        self.beginResetModel()
        self._regions = RegionList.of(())
        self._statuses, self._notes = {}, {}
        self._set_ids(())
        self.endResetModel()

    def set_ids(self, ids: Sequence[int]) -> None:
        """Show other regions of the same table, or the same in another order."""
        if ids is not self._ids and tuple(ids) != self._ids:
            self.beginResetModel()
            self._set_ids(ids)
            self.endResetModel()

    def _set_ids(self, ids: Sequence[int]) -> None:
        self._ids = tuple(ids)
        self._rows = {region_id: row for row, region_id in enumerate(self._ids)}

    def set_statuses(self, statuses: Mapping[int, Status], changed: Iterable[int]) -> None:
        """Take over statuses; only the rows `changed` are drawn again."""
        self._statuses = statuses
        self._redraw(STATUS_COLUMN, changed)

    def set_notes(self, notes: Mapping[int, str], changed: Iterable[int]) -> None:
        """Take over notes; only the rows `changed` are drawn again."""
        self._notes = notes
        self._redraw(NOTE_COLUMN, changed)

    def _redraw(self, column: int, region_ids: Iterable[int]) -> None:
        for region_id in region_ids:
            row = self._rows.get(region_id)
            if row is not None:
                cell = self.index(row, column)
                self.dataChanged.emit(cell, cell)

    def set_upper(self, upper: float) -> None:
        """Mark the regions whose maximum reaches `upper`."""
        if upper != self._upper and self._ids:
            self._upper = upper
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._ids) - 1, 0))
        self._upper = upper

    def id_at(self, row: int) -> int | None:
        """Return the region of a row, None below the last one."""
        return self._ids[row] if 0 <= row < len(self._ids) else None

    def row_of(self, region_id: int) -> int | None:
        """Return the row of a region, None where the filter leaves it out."""
        return self._rows.get(region_id)

    def status_of(self, region_id: int) -> Status:
        """Return what was decided about a region."""
        return self._statuses.get(region_id, Status.PENDING)

    def _region(self, region_id: int) -> Region:
        return self._regions[self._regions.rows[region_id]]

    def must_see(self, region_id: int) -> bool:
        """Whether a region's maximum reaches the upper threshold."""
        return self._region(region_id).maximum >= self._upper

    # Qt's interface.

    def rowCount(self, parent: Index | None = None) -> int:
        """Return the number of regions shown."""
        return 0 if parent is not None and parent.isValid() else len(self._ids)

    def columnCount(self, parent: Index | None = None) -> int:
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole
    ) -> Any:
        """Return headings with units, and their explanations."""
        if orientation == Qt.Orientation.Horizontal and 0 <= section < len(COLUMNS):
            column = COLUMNS[section]
            if role == Role.DisplayRole:
                heading = column.heading.format(**self._symbols)
                return f"{_arrow(column.order)}{heading}" if self._is_order(column) else heading
            if role == Role.ToolTipRole:
                return column.tooltip
        return None

    def _is_order(self, column: Column) -> bool:
        return column.order is not None and column.order is self._order

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        """Return what a cell shows."""
        region_id = self.id_at(index.row())
        if region_id is None:
            return None
        column = COLUMNS[index.column()]
        if role == Role.TextAlignmentRole:
            return _NUMBERS if column.is_number else _WORDS
        if role == Role.DisplayRole:
            return self._text(region_id, index.column())
        if role == Role.DecorationRole and index.column() == STATUS_COLUMN:
            return self._icon(self.status_of(region_id))
        if role == Role.FontRole and index.column() == 0 and self.must_see(region_id):
            return self._bold
        if role == Role.ToolTipRole:
            return self._tooltip(region_id)
        return None

    def _text(self, region_id: int, column: int) -> str:
        if column == STATUS_COLUMN:
            return self.status_of(region_id).value
        if column == NOTE_COLUMN:
            return self._notes.get(region_id, "")
        text = COLUMNS[column].text(self._region(region_id), self._class_names)
        return f"! {text}" if column == 0 and self.must_see(region_id) else text

    def _icon(self, status: Status) -> QIcon:
        if status not in self._icons:
            self._icons[status] = status_icon(status, self._palette)
        return self._icons[status]

    def _tooltip(self, region_id: int) -> str:
        region = self._region(region_id)
        lines = [
            f"Region {region_id}: {self.status_of(region_id)}, {region.voxel_count:,} voxels",
            f"box z,y,x {region.box}",
        ]
        if self.must_see(region_id):
            lines.append("Must be looked at: its maximum reaches the upper threshold")
        if region.touches_border:
            lines.append("Touches the border of the scan")
        if region_id in self._notes:
            lines.append(f"Why: {self._notes[region_id]}")
        return "\n".join(lines)
