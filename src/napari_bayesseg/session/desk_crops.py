"""Crops for training, written while the review goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_bayesseg.inference.result import Result
from napari_bayesseg.review.files.crop_boxes import CropSettings
from napari_bayesseg.review.files.crops import Crops, write_crops
from napari_bayesseg.review.review import Review
from napari_bayesseg.session.background import Background
from napari_bayesseg.session.job import Job, JobSlot, explain

if TYPE_CHECKING:
    from napari_bayesseg.session.desk_state import DeskState

__all__ = ["DeskCrops"]


class DeskCrops:
    """Writes reviewed parts of a desk's scan as pairs of image and labels.

    Signals:

    - ``running_changed(bool)``
    - ``progressed(float)``: share that is done, from 0 to 1.
    """

    running_changed = Signal(bool)
    progressed = Signal(float)

    def __init__(
        self, desk: DeskState, background: Background, changed: Callable[[], None]
    ) -> None:
        self._desk = desk
        self._changed = changed
        self._was_running = False
        self._job = JobSlot(background, "crops", self._may_have_changed)

    @property
    def is_running(self) -> bool:
        """Whether crops are being written."""
        return self._job.is_running

    def write(self, folder: str | Path, settings: CropSettings) -> None:
        """Write the crops of what is decided now, in the background; see :func:`write_crops`."""
        place, result, desk = Path(folder), self._desk.result, self._desk
        self._job.start(
            lambda job: _write(place, result, settings, job, self.progressed.emit),
            lambda crops: desk.notice.emit(_told(place, crops)),
            lambda error: desk.failed.emit(explain(error)),
        )

    def stop(self) -> None:
        """Stop writing; nothing of it is left."""
        self._job.stop()

    def close(self) -> None:
        """Drop what is under way."""
        self._job.close()

    def _may_have_changed(self) -> None:
        self._changed()
        if self.is_running != self._was_running:
            self._was_running = self.is_running
            self.running_changed.emit(self._was_running)


def _write(
    folder: Path,
    result: Result,
    settings: CropSettings,
    job: Job,
    progressed: Callable[[float], None],
) -> Crops | None:
    # The journal is read once more, so that the review can go on meanwhile.
    with Review.open(result, read_only=True) as review:
        return write_crops(
            folder,
            review,
            settings,
            report=lambda share: job.post(lambda: progressed(share)),
            should_stop=job.should_stop,
        )


def _told(folder: Path, crops: Crops | None) -> str:
    if crops is None:
        return f"{folder.name}: stopped, nothing was written"
    several, places = "" if crops.count == 1 else "s", "" if crops.places == 1 else "s"
    said = (
        f"{folder.name}: {crops.count:,} crop{several} around {crops.places:,} "
        f"place{places} written; train with --scans {folder.name}/scans --labels "
        f"{folder.name}/labels"
    )
    return "; ".join((said, *crops.lost))
