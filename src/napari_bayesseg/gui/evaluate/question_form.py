"""What is asked of a result: the truth, the label that isn't judged, and the measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QSpinBox, QWidget
from superqt.utils import signals_blocked

from napari_bayesseg.gui.evaluate.truth_choice import TruthChoice
from napari_bayesseg.gui.layers import measure_title
from napari_bayesseg.gui.rows import add_row, form_layout, let_shrink

if TYPE_CHECKING:
    import napari

    from napari_bayesseg.session.desk import ReviewDesk

__all__ = ["QuestionForm"]

_NONE = -1
_LARGEST_LABEL = 65_535


class QuestionForm(QWidget):
    """Truth, ignored label and measure.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    measure_chosen = Signal(str)

    def __init__(self, viewer: napari.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.truth = TruthChoice(viewer)
        self.ignored = QSpinBox()
        self.ignored.setRange(_NONE, _LARGEST_LABEL)
        self.ignored.setSpecialValueText("none")
        self.ignored.setValue(_NONE)
        self.ignored.setToolTip(
            "Label of the truth that says nothing, as where nobody drew; those voxels aren't judged"
        )
        self.measure = QComboBox()
        let_shrink(self.measure)
        self.measure.setToolTip("The uncertainty that is to point at the wrong voxels")
        layout = form_layout(self)
        add_row(layout, "Truth", self.truth)
        add_row(layout, "Not judged", self.ignored)
        add_row(layout, "Measure", self.measure)
        self.measure.currentIndexChanged.connect(
            lambda: self.measure_chosen.emit(self.measure.currentData())
        )

    def set_desk(self, desk: ReviewDesk | None) -> None:
        """Offer what fits a review; the review's measure is chosen."""
        self.truth.set_shape(None if desk is None else desk.result.spec.shape)
        with signals_blocked(self.measure):
            self.measure.clear()
            if desk is not None:
                for name in desk.evaluation.measures:
                    self.measure.addItem(measure_title(name), name)
        if desk is not None:
            self.set_measure(desk.settings.measure)

    def set_measure(self, name: str) -> None:
        """Show a measure that somebody else has chosen."""
        index = self.measure.findData(name)
        if index >= 0:
            with signals_blocked(self.measure):
                self.measure.setCurrentIndex(index)

    @property
    def ignored_label(self) -> int | None:
        """Label of the truth that isn't judged."""
        value = self.ignored.value()
        return None if value == _NONE else value
