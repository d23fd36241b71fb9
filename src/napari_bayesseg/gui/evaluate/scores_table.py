"""The scores of one or more results, one a column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import fill

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from napari_bayesseg.session.evaluated import Evaluated
from napari_bayesseg.session.evaluation_scores import Score, scores_of

__all__ = ["ScoresTable"]

_ROW = 18
_NUMBER = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class ScoresTable(QTableWidget):
    """A row for every score; where there are several results, the best is bold."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 2, parent)
        self.setAccessibleName("Scores")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setShowGrid(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW)
        self.verticalHeader().setMinimumSectionSize(_ROW)
        self.setWordWrap(False)

    def show_evaluated(self, evaluated: Sequence[Evaluated]) -> None:
        """Show the scores of some results of the same classes; nothing for none."""
        columns = [scores_of(one) for one in evaluated]
        titles = [score.title for score in columns[0]] if columns else []
        self.clear()
        self.setRowCount(len(titles))
        self.setColumnCount(1 + len(columns))
        for column, one in enumerate(evaluated, 1):
            heading = QTableWidgetItem(one.name)
            heading.setToolTip(str(one.path))
            self.setHorizontalHeaderItem(column, heading)
        self.setHorizontalHeaderItem(0, QTableWidgetItem(""))
        for row, scores in enumerate(zip(*columns, strict=True)):
            best = _best(scores)
            self._put(row, 0, scores[0].title, scores[0].meaning)
            for column, score in enumerate(scores, 1):
                item = self._put(row, column, score.text, score.meaning)
                item.setTextAlignment(_NUMBER)
                font = item.font()
                font.setBold(len(columns) > 1 and score.value == best)
                item.setFont(font)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        header.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header.setVisible(len(columns) > 1)
        self._fit()

    def _put(self, row: int, column: int, text: str, meaning: str) -> QTableWidgetItem:
        item = QTableWidgetItem(text)
        item.setToolTip(fill(meaning))
        self.setItem(row, column, item)
        return item

    def _fit(self) -> None:
        """Be as high as the rows are: the tab scrolls, not the table."""
        head = (
            0 if self.horizontalHeader().isHidden() else self.horizontalHeader().sizeHint().height()
        )
        self.setFixedHeight(head + self.rowCount() * _ROW + 2 * self.frameWidth())


def _best(scores: Sequence[Score]) -> float:
    known = [score.value for score in scores if not math.isnan(score.value)]
    choose = max if scores[0].is_better_high else min
    return choose(known, default=math.nan)
