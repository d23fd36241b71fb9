"""What can be done with the current region, one small page a task, below the list of regions."""

from __future__ import annotations

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

__all__ = ["TaskPages"]

_TABS = "QTabBar { padding: 0px; border: 0px; } QTabBar::tab { padding: 3px 8px; }"


class TaskPages(QTabWidget):
    """Pages of equal height: changing the page must not push the list of regions about."""

    def __init__(self) -> None:
        super().__init__()
        self.setStyleSheet(_TABS)
        self.setDocumentMode(True)

    def add_page(self, page: QWidget, title: str, tooltip: str) -> None:
        """Add a page; its content stays at the top."""
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(page)
        layout.addStretch(1)
        self.setTabToolTip(self.addTab(holder, title), tooltip)

    def show_page(self, page: QWidget) -> None:
        """Bring a page to the front: the one that is given, or that holds it."""
        for index in range(self.count()):
            holder = self.widget(index)
            if holder is not None and (holder is page or holder.isAncestorOf(page)):
                self.setCurrentIndex(index)

    def sizeHint(self) -> QSize:
        """Take no more height than the highest page needs."""
        return QSize(super().sizeHint().width(), self.minimumSizeHint().height())
