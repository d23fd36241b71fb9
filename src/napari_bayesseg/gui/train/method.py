"""Which method is trained."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QLabel, QWidget

from napari_bayesseg.gui.rows import add_row, form_layout, let_shrink
from napari_bayesseg.networks.methods import METHODS, Method

__all__ = ["MethodBox"]


class MethodBox(QWidget):
    """Chooses a method, and says in a line what its draws are."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.choice = QComboBox()
        let_shrink(self.choice)
        self.choice.setToolTip("Where the model's uncertainty comes from")
        for name, method in METHODS.items():
            self.choice.addItem(method.title, name)
            tip = f"{method.draw}; {method.reference}"
            self.choice.setItemData(self.choice.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.explanation = QLabel()
        self.explanation.setWordWrap(True)
        layout = form_layout(self)
        add_row(layout, "Method", self.choice)
        layout.addRow(self.explanation)
        self.choice.currentIndexChanged.connect(self._on_choice)
        self._on_choice()

    @property
    def method(self) -> Method:
        """Name of the chosen method."""
        return next(name for name in METHODS if name == self.choice.currentData())

    def choose(self, method: Method) -> None:
        """Choose a method."""
        self.choice.setCurrentIndex(list(METHODS).index(method))

    def _on_choice(self, _: int = 0) -> None:
        method = METHODS[self.method]
        text = method.draw[:1].upper() + method.draw[1:]
        self.explanation.setText(f"{text} ({method.reference}).")
        self.changed.emit()
