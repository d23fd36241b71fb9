"""The page on which audits are begun, followed and remembered."""

from __future__ import annotations

from datetime import datetime

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSpinBox, QWidget
from superqt.utils import signals_blocked

from napari_bayesseg.gui.connections import Connections
from napari_bayesseg.gui.review.buttons import Handler, button_grid
from napari_bayesseg.gui.rows import in_column
from napari_bayesseg.review.audit.audit import DEFAULT_PLACES, AuditRecord
from napari_bayesseg.session.desk import ReviewDesk

__all__ = ["AuditPanel"]

_ANSWERS = (("agree", "disagree", "audit_back", "stop_audit"),)
_MOST = 100_000
_EXPLAIN = (
    "Are the places fine that nobody looks at? Check random ones of them: the outcome says, with "
    "95 % confidence, how much of them can be wrong."
)


class AuditPanel(QWidget):
    """How many places, answers by button, and the outcomes."""

    running_changed = Signal(bool)
    """Whether an audit is on."""
    place_chosen = Signal(object)
    """A place, an AuditPlace, that is to be seen again."""

    def __init__(self, begin: Handler, end: Handler) -> None:
        super().__init__()
        self._desk: ReviewDesk | None = None
        self._connections = Connections()
        self._next_wrong = 0
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.count = QSpinBox()
        self.count.setRange(1, _MOST)
        self.count.setValue(DEFAULT_PLACES)
        self.count.setToolTip(
            "Random places to look at, fixed beforehand. Without an error among 50 at most 5.8 % "
            "can be wrong, among 300 at most 1 %."
        )
        self._proposed = DEFAULT_PLACES
        start, self.buttons = button_grid((("audit",),), begin, end)
        answers, more = button_grid(_ANSWERS, begin, end)
        self.buttons |= more
        self.former = QComboBox()
        self.former.setToolTip("Audits of this review")
        self.wrong = QPushButton()
        self.wrong.setToolTip("Go to the places at which you disagreed, one after the other")
        self.wrong.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.text = QLabel(_EXPLAIN)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(QLabel("Random places"))
        first.addWidget(self.count)
        first.addWidget(start, 1)
        second.addWidget(self.former, 1)
        second.addWidget(self.wrong)
        layout = in_column(self, spacing=3)
        layout.addLayout(first)
        layout.addWidget(answers)
        layout.addLayout(second)
        layout.addWidget(self.text)
        self.former.currentIndexChanged.connect(self._show_outcome)
        self.wrong.clicked.connect(self._show_wrong)
        self._show_state()

    def propose_places(self, count: int) -> None:
        """Propose another number of places, whatever was chosen before."""
        if count != self._proposed:
            self._proposed = count
            self.count.setValue(count)

    def set_desk(self, desk: ReviewDesk | None) -> None:
        """Follow the audits of another review, or of none."""
        self._connections.drop()
        self._desk = desk
        if desk is not None:
            self._connections.follow(
                (desk.audit.place_changed, self._show_state),
                (desk.audit.answered, self._show_state),
                (desk.audit.ended, self._on_ended),
                (desk.busy_changed, self._show_state),
            )
        self._fill_former()
        self._show_state()

    def start(self) -> None:
        """Begin an audit of as many places as are chosen, if none is on."""
        if self._desk is None or self._desk.audit.is_on:
            return
        if self.count.hasFocus():
            self.setFocus()  # else the keys would be typed into the number
        self._desk.audit.start(self.count.value())

    def _on_ended(self) -> None:
        self._fill_former()
        self._show_state()

    def _show_state(self) -> None:
        desk = self._desk
        is_on = desk is not None and desk.audit.is_on
        is_free = desk is not None and not (is_on or desk.audit.is_drawing or desk.read_only)
        self.count.setEnabled(is_free)
        self.buttons["audit"].setEnabled(is_free)
        for name in _ANSWERS[0]:
            self.buttons[name].setEnabled(is_on)
        self.former.setEnabled(not is_on and self.former.count() > 0)
        self.running_changed.emit(is_on)
        self._show_outcome()

    def _fill_former(self) -> None:
        records = () if self._desk is None else self._desk.audit.former
        with signals_blocked(self.former):
            self.former.clear()
            for record in reversed(records):
                self.former.addItem(_title(record))
            if not records:
                self.former.addItem("no audit yet")

    @property
    def _chosen(self) -> AuditRecord | None:
        records = () if self._desk is None else self._desk.audit.former
        index = self.former.currentIndex()
        return records[-1 - index] if 0 <= index < len(records) else None

    def _show_outcome(self) -> None:
        desk, chosen = self._desk, self._chosen
        self._next_wrong = 0
        wrong = 0 if chosen is None else len(chosen.wrong_places)
        none = "See wrong" if chosen is None else "None wrong"  # who has not looked can't say so
        self.wrong.setText(f"See the {wrong} wrong" if wrong else none)
        is_on = desk is not None and desk.audit.is_on
        self.wrong.setEnabled(wrong > 0 and not is_on)
        if desk is not None and desk.audit.record is not None and desk.audit.place is not None:
            outcome, place = desk.audit.record.outcome, desk.audit.place
            self.text.setText(
                f"Place {place.number + 1} of {outcome.count}: {outcome.answered} answered, "
                f"{outcome.wrong} of them wrong."
            )
            self.text.setToolTip("")
        elif desk is not None and desk.audit.is_drawing:
            self.text.setText("Drawing random places\u2026")
        elif chosen is None:
            self.text.setText(_EXPLAIN)
            self.text.setToolTip("")
        else:
            text = str(chosen.outcome).replace(" %", "\u00a0%")  # not torn apart by a line's end
            self.text.setText(f"{text}.")
            self.text.setToolTip(chosen.outcome.volume_text)

    def _show_wrong(self) -> None:
        places = () if self._chosen is None else self._chosen.wrong_places
        if places:
            self.place_chosen.emit(places[self._next_wrong % len(places)])
            self._next_wrong += 1


def _title(record: AuditRecord) -> str:
    """Return when an audit began, in the person's own time, and how large it is."""
    time = datetime.fromisoformat(record.audit.time_utc).astimezone()
    count = len(record.audit.places)
    return f"{time:%d %b %Y %H:%M} \u00b7 {count} place{'' if count == 1 else 's'}"
