"""What a review is begun from and what it leaves as files: every such action is a method here."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.gui.review.journal_question import HEAD_FILTER, ask_journal_check
from napari_bayesseg.io.readers import read_volume
from napari_bayesseg.review.files.crop_boxes import CropSettings
from napari_bayesseg.session.desk import ReviewDesk

__all__ = ["FileControl"]

_TOO_LATE = (
    "A review begins from a mask before its first decision; to begin anew, close it and rename its "
    "folder."
)
_MASKS = "Masks (*.tif *.tiff *.nii *.nii.gz);;All files (*)"
_MASK_FILTERS = "OME-TIFF (*.ome.tif);;TIFF for ImageJ (*.tif);;NIfTI (*.nii.gz)"
_DECISION_FILTERS = "Table (*.csv);;Full record (*.json)"
_SUMMARY_FILTERS = "Page (*.html)"


class FileControl:
    """The part of :class:`~napari_bayesseg.gui.review.control.ReviewControl` that asks for files.

    Attributes
    ----------
    crop_settings : CropSettings
        How crops are cut.
    """

    _window: QWidget
    crop_settings = CropSettings()

    @property
    @abstractmethod
    def desk(self) -> ReviewDesk:
        """The review that is open; SettingsError where none is."""

    @abstractmethod
    def begin_from(self, mask: Volume) -> None:
        """Begin the review anew from a mask."""

    def save_mask(self) -> None:
        """Ask for a file and write the reviewed labels to it."""
        path = self._ask_path("Save the reviewed mask", "-reviewed.ome.tif", _MASK_FILTERS)
        if path is not None:
            self.desk.save_mask(path)

    def save_decisions(self) -> None:
        """Ask for a file and write the decisions to it."""
        path = self._ask_path("Save the decisions", "-decisions.csv", _DECISION_FILTERS)
        if path is not None:
            self.desk.save_decisions(path)

    def save_crops(self) -> None:
        """Ask for a folder and write the decided places to it; stop where that is under way."""
        crops = self.desk.crops
        if crops.is_running:
            crops.stop()
            return
        path = self._ask_path("Save crops in a new folder", "-crops", "New folder (*)")
        if path is not None:
            crops.write(path, self.crop_settings)

    def save_summary(self) -> None:
        """Ask for a file and write a summary of the review to it."""
        path = self._ask_path("Save a summary", "-summary.html", _SUMMARY_FILTERS)
        if path is not None:
            self.desk.save_summary(path)

    def begin_from_mask(self) -> None:
        """Ask for a mask and begin the review from it, as long as nothing was decided."""
        desk = self.desk
        history = desk.review.history
        if history.applied or history.undone or desk.review.has_start:
            raise SettingsError(_TOO_LATE)
        folder = str(desk.result.path.parent)
        name, _ = QFileDialog.getOpenFileName(self._window, "Begin from a mask", folder, _MASKS)
        if not name:
            return
        mask = read_volume(Path(name))
        if mask.shape != desk.result.spec.shape:
            raise SettingsError(
                f"{mask.spec.name}: a mask to begin from must have the scan's shape "
                f"{desk.result.spec.shape}; it has {mask.shape}"
            )
        self.begin_from(mask)

    def save_journal_head(self) -> None:
        """Ask for a file and write the journal's head to it."""
        path = self._ask_path("Save the journal's head", "-journal-head.json", HEAD_FILTER)
        if path is not None:
            self.desk.journal.save_head(path)

    def check_journal(self) -> None:
        """Ask what the journal is to be checked against, and check it."""
        wanted = ask_journal_check(self._window, self.desk.result.path.parent)
        if wanted is not None:
            self.desk.journal.check(wanted.saved_head)

    def _ask_path(self, title: str, ending: str, filters: str) -> Path | None:
        result = self.desk.result.path
        proposed = result.with_name(f"{result.name.removesuffix('.zarr')}{ending}")
        name, chosen = QFileDialog.getSaveFileName(self._window, title, str(proposed), filters)
        if not name:
            return None
        path, suffix = Path(name), chosen.rpartition("*")[2].rstrip(")")
        # A name that was typed without an ending gets that of the chosen format.
        return path if path.suffix else path.with_name(path.name + suffix)
