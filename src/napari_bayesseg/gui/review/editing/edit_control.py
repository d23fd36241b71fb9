"""What a reviewer can do while a region is edited: every such action is a method here."""

from __future__ import annotations

from abc import abstractmethod

from qtpy.QtCore import QObject

from napari_bayesseg.session.desk import ReviewDesk

__all__ = ["EditControl"]


class EditControl(QObject):
    """The part of :class:`~napari_bayesseg.gui.review.control.ReviewControl` that edits."""

    @property
    @abstractmethod
    def desk(self) -> ReviewDesk:
        """The review that is open."""

    def edit(self) -> None:
        """Begin to paint in the current region, or finish."""
        self.desk.editing = not self.desk.editing

    def finish_edit(self) -> None:
        """Drop the contour that is shown, or else stop painting."""
        if self.desk.editor.contour is not None:
            self.desk.editor.drop_contour()
        else:
            self.desk.editing = False

    def fill_region(self) -> None:
        """Give the current region the class in hand."""
        self.desk.editor.fill()

    def smooth_region(self) -> None:
        """Smooth the boundaries at the current region."""
        self.desk.editor.smooth()

    def brush_reach(self) -> None:
        """Let the brush go further, or stay at the region again."""
        self.desk.editor.next_reach()

    def lower_level(self) -> None:
        """Show the contour, or a larger one."""
        self.desk.editor.step_level(-1)

    def raise_level(self) -> None:
        """Show the contour, or a smaller one."""
        self.desk.editor.step_level(1)

    def apply_contour(self) -> None:
        """Let the class end at the contour that is shown."""
        self.desk.editor.apply_contour()
