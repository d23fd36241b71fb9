"""The page of editing: what is in hand, where it may go, and the tools."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_bayesseg.gui.connections import Connections
from napari_bayesseg.gui.review.buttons import Handler, button_grid
from napari_bayesseg.gui.rows import in_column
from napari_bayesseg.review.labels.edits import EDIT_MARGIN, BrushReach
from napari_bayesseg.session.desk import ReviewDesk
from napari_bayesseg.session.desk_editing import LEVEL_STEP, EditOptions

__all__ = ["EditPanel"]

_TOOLS = (("edit", "fill_region", "smooth_region"),)
_REACH = (("brush_reach",),)
_CONTOUR = (("lower_level", "raise_level", "apply_contour"),)
_MAX_BRUSH = 40
_BRUSH_WIDTH = 84  # so that names of classes find room
_STEPS = round(1 / LEVEL_STEP)
_REACHES = {
    BrushReach.REGION: "region and 2 voxels",
    BrushReach.BOX: "region\u2019s box and {margin} voxels",
    BrushReach.ANYWHERE: "anywhere",
}
_REACH_TOOLTIP = (
    "Where the brush may paint: its outline is white; what is accepted stays as it is.\n"
    "2 voxels are 2 of the smallest spacing, in physical distance."
)
_LEVEL_TOOLTIP = (
    "Show where the class ends at this mean probability of the model\u2019s draws.\n"
    "Nothing is changed until Apply."
)


class EditPanel(QWidget):
    """Class and brush, where they may go, and tools for the current region of a desk."""

    def __init__(self, begin: Handler, end: Handler) -> None:
        super().__init__()
        self._desk: ReviewDesk | None = None
        self._connections = Connections()
        tools, self.buttons = button_grid(_TOOLS, begin, end)
        further, more = button_grid(_REACH, begin, end)
        contour, most = button_grid(_CONTOUR, begin, end)
        self.buttons |= more | most
        self.label = QComboBox()
        self.label.setToolTip("Class that brush, fill and contour give\nKeys: - and = ; L picks it")
        self.label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.brush = QSpinBox()
        self.brush.setRange(1, _MAX_BRUSH)
        self.brush.setToolTip("Diameter of the brush, in voxels\nKeys: [ and ]")
        self.brush.setAccessibleName("brush size in voxels")
        self.brush.setMaximumWidth(_BRUSH_WIDTH)
        self.ball = QCheckBox("3D")
        self.ball.setToolTip("Paint in the slices above and below too: a ball by the voxel size")
        self.reach = QComboBox()
        self.reach.setToolTip(_REACH_TOOLTIP)
        for reach, text in _REACHES.items():
            self.reach.addItem(text, reach)
        self.set_margin(EDIT_MARGIN)
        self.level = QSlider(Qt.Orientation.Horizontal)
        self.level.setRange(1, _STEPS - 1)
        self.level.setToolTip(_LEVEL_TOOLTIP)
        self.level.setAccessibleName("mean probability at the contour")
        self.percent = QLabel()
        self.percent.setMinimumWidth(self.percent.fontMetrics().horizontalAdvance("100 %"))
        layout = in_column(self, tools, spacing=3)
        layout.addLayout(self._lines(further))
        layout.addWidget(contour)
        self.label.currentIndexChanged.connect(self._choose)
        self.brush.valueChanged.connect(self._choose)
        self.ball.toggled.connect(self._choose)
        self.reach.currentIndexChanged.connect(self._choose)
        self.level.valueChanged.connect(self._choose)
        self._show_enabled()

    def set_desk(self, desk: ReviewDesk | None) -> None:
        """Edit in another review, or in none."""
        self._connections.drop()
        self._desk = desk
        if desk is not None:
            self._connections.follow(
                (desk.current_changed, self._show_enabled),
                (desk.editing_changed, self._show_enabled),
                (desk.editor.contour_changed, self._show_enabled),
                (desk.editor.options_changed, self._show_options),
            )
            with signals_blocked(self.label):
                self.label.clear()
                for index, name in enumerate(desk.result.class_names):
                    self.label.addItem(name, index)
            self.ball.setVisible(desk.result.spec.shape[0] > 1)
            self._show_options(desk.editor.options)
        self._show_enabled()

    def set_margin(self, voxels: int) -> None:
        """Say how far the brush may go around a region's box."""
        for row, text in enumerate(_REACHES.values()):
            self.reach.setItemText(row, text.format(margin=voxels))

    def _show_options(self, options: EditOptions) -> None:
        """Show what is in hand."""
        widgets = (self.label, self.brush, self.ball, self.reach, self.level)
        with ExitStack() as blocked:
            for widget in widgets:
                blocked.enter_context(signals_blocked(widget))
            self.label.setCurrentIndex(self.label.findData(options.label))
            self.brush.setValue(options.brush_size)
            self.ball.setChecked(options.is_3d)
            self.reach.setCurrentIndex(self.reach.findData(options.reach))
            self.level.setValue(round(options.level / LEVEL_STEP))
        self.percent.setText(f"{100 * options.level:.0f} %")

    def _show_enabled(self) -> None:
        """Switch on what can be done now."""
        desk = self._desk
        is_editing = desk is not None and desk.editing
        contour = None if desk is None else desk.editor.contour
        edit = self.buttons["edit"]
        edit.setText(f"Finish ({edit.action.key})" if is_editing else edit.action.button_text)
        edit.setEnabled(desk is not None and desk.current is not None and not desk.read_only)
        tools = (self.label, self.brush, self.ball, self.reach, self.level, self.percent)
        for widget in (*tools, *self.buttons.values()):
            if widget is not edit:
                widget.setEnabled(is_editing)
        self.buttons["apply_contour"].setEnabled(contour is not None and contour.change is not None)

    def _lines(self, further: QWidget) -> QGridLayout:
        hand = QHBoxLayout()
        hand.addWidget(self.label, 1)
        hand.addWidget(QLabel("Size"))
        hand.addWidget(self.brush)
        hand.addWidget(self.ball)
        contour = QHBoxLayout()
        contour.addWidget(self.level, 1)
        contour.addWidget(self.percent)
        lines = QGridLayout()
        lines.setSpacing(3)
        lines.setColumnStretch(1, 1)
        for row, name in enumerate(("Paint", "Stay in", "Contour")):
            lines.addWidget(QLabel(name), row, 0)
        lines.addLayout(hand, 0, 1)
        reach = QHBoxLayout()
        reach.addWidget(self.reach, 1)
        reach.addWidget(further)
        lines.addLayout(reach, 1, 1)
        lines.addLayout(contour, 2, 1)
        return lines

    def _choose(self) -> None:
        """Take in hand what the controls say."""
        desk = self._desk
        if desk is None:
            return
        label, options = self.label.currentData(), desk.editor.options
        desk.editor.choose(
            replace(
                options,
                label=options.label if label is None else int(label),
                brush_size=self.brush.value(),
                is_3d=self.ball.isChecked(),
                reach=BrushReach(self.reach.currentData()),
            )
        )
        if self.level.value() != round(options.level / LEVEL_STEP):
            desk.editor.set_level(self.level.value() * LEVEL_STEP)
