"""How far a review is, and what there is to be told about it."""

from __future__ import annotations

from datetime import datetime

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from napari_bayesseg.gui.message import MessageLine
from napari_bayesseg.gui.progress_bar import SteadyBar
from napari_bayesseg.gui.review.buttons import ActionButton, Handler, button_grid
from napari_bayesseg.gui.rows import in_column
from napari_bayesseg.session.desk_line import LiveLine, duration

__all__ = ["MessagePanel", "ProgressPanel"]

_RESTORE = (("restore_layers",),)


class ProgressPanel(QWidget):
    """How far the review is, and when it was last saved."""

    def __init__(self) -> None:
        super().__init__()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.regions_bar = _bar("Share of the regions that are decided")
        self.bar = _bar("Share of the regions' expected error that lies in decided ones")
        self.finish = QLabel()
        self.finish.setWordWrap(True)
        self.finish.hide()
        self.saved = QLabel()
        self.saved.setToolTip("When the last decision or stroke was on the disk")
        row = QHBoxLayout()
        row.addWidget(self.text, 1)
        row.addWidget(self.saved)
        bars = QHBoxLayout()
        bars.setSpacing(4)
        bars.addWidget(self.regions_bar, 1)
        bars.addWidget(self.bar, 1)
        layout = in_column(self, spacing=3)
        layout.addLayout(row)
        layout.addLayout(bars)
        layout.addWidget(self.finish)

    def set_finish(self, text: str) -> None:
        """Say that all is decided that must be; empty takes it away."""
        self.finish.setText(text)
        self.finish.setVisible(bool(text))

    def set_line(self, line: LiveLine) -> None:
        """Say what is decided, at which pace, and how long the rest takes."""
        parts = []
        if line.seconds_per_decision is not None:
            parts.append(f"{line.seconds_per_decision:.2g} s a decision")
        if line.minutes is not None:
            parts.append(f"{duration(line.minutes)} left")
        self.text.setText(" \u00b7 ".join(parts))
        share = line.decided / line.regions if line.regions else 0.0
        self.regions_bar.show_share(share, f"{line.decided:,} of {line.regions:,} regions")
        resolved = line.resolved_share
        self.bar.show_share(resolved, f"{100 * resolved:.0f} % of expected error")

    def set_saved(self) -> None:
        """Say that everything up to now is on the disk."""
        self.saved.setText(f"saved \u2713 {datetime.now():%H:%M:%S}")

    def clear_saved(self) -> None:
        """Say nothing: nothing was decided yet."""
        self.saved.clear()


def _bar(tooltip: str) -> SteadyBar:
    bar = SteadyBar()
    bar.show_share(0.0)
    bar.setFixedHeight(16)
    bar.setAlignment(Qt.AlignmentFlag.AlignCenter)
    bar.setToolTip(tooltip)
    return bar


class MessagePanel(QWidget):
    """What stays true (read-only, another run), what was said last, and a way out if layers go."""

    def __init__(self, begin: Handler, end: Handler) -> None:
        super().__init__()
        self.notice = MessageLine()
        self.message = MessageLine()
        restore, buttons = button_grid(_RESTORE, begin, end)
        self.restore: ActionButton = buttons["restore_layers"]
        in_column(self, self.notice, self.message, restore, spacing=3)
        self.restore.hide()

    def set_notice(self, text: str) -> None:
        """Say what stays true as long as this review is open; empty takes it away."""
        if text:
            self.notice.show_message("note", text)
        else:
            self.notice.clear_message()

    def note(self, text: str) -> None:
        """Say something until the next decision."""
        if text not in self.notice.toolTip():
            self.message.show_message("note", text)

    def fail(self, text: str) -> None:
        """Say what went wrong, until the next decision."""
        self.message.show_message("error", text)

    def clear(self) -> None:
        """Take back what was said last."""
        self.message.clear_message()
