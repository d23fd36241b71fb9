"""What people have settled in a review, as labels to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.review.files.crop_boxes import CropChoice, decided_boxes
from napari_bayesseg.review.review_view import ReviewView

__all__ = ["UNDECIDED", "DecidedLabels", "decided_labels"]

UNDECIDED = -1
"""Label of the voxels about which nobody has said anything."""


@dataclass(frozen=True, eq=False)
class DecidedLabels:
    """Labels where a person has settled them, and what they follow from.

    Attributes
    ----------
    labels : (Z, Y, X) int16
        The reviewed label of each voxel that was accepted, rejected, edited or painted;
        :data:`UNDECIDED` elsewhere, and where a region was deferred.
    places : int
        Regions and strokes outside of regions in which these voxels lie.
    voxels : int
        How many there are.
    row : int
        Number of the journal's row after which they are so.
    row_sha256 : str
        Hash of that row, which stands for all before.
    """

    labels: NDArray[np.int16]
    places: int
    voxels: int
    row: int
    row_sha256: str

    @property
    def provenance(self) -> dict[str, Any]:
        """What a model that learnt from them should say of them."""
        return {
            "regions": self.places,
            "voxels": self.voxels,
            "journal": {"rows": self.row, "sha256_of_last_row": self.row_sha256},
        }


def decided_labels(review: ReviewView) -> DecidedLabels:
    """Return the labels that people have settled.

    Answers of audits are left out: they say of single voxels whether a label was right, not which
    one would have been, and they are there to measure.

    Parameters
    ----------
    review : ReviewView
        Nobody may decide in it meanwhile: one that is open gives a reader of its own, see
        ``Review.open(result, read_only=True)``.

    Raises
    ------
    SettingsError
        If nothing was decided yet.
    StoreError
        If the journal can't be read any more.
    """
    reviewed = review.labels()
    z, y, x = reviewed.shape
    decided = review.history.voxels.decided(Roi.whole((z, y, x)))
    count = int(np.count_nonzero(decided))
    if count == 0:
        raise SettingsError(
            "there is nothing to learn from yet: accept, reject or paint a few regions first"
        )
    labels = np.full(reviewed.shape, UNDECIDED, np.int16)
    labels[decided] = reviewed[decided]
    places = len(decided_boxes(review.history, CropChoice.DECIDED))
    return DecidedLabels(labels, places, count, review.sequence, review.journal_head)
