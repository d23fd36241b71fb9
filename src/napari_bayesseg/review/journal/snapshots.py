"""Snapshots of a review in its folder: checkpoints that bound the replay, each with a note."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from napari_bayesseg.core.errors import FormatError, StoreError
from napari_bayesseg.io.atomic import write_bytes_atomically
from napari_bayesseg.review.journal.checkpoint_file import (
    Checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from napari_bayesseg.review.journal.history import History
from napari_bayesseg.review.journal.journal import Journal
from napari_bayesseg.review.labels.voxels import Labels

__all__ = [
    "SNAPSHOTS",
    "Reason",
    "Snapshot",
    "remove_unfinished",
    "restore_newest",
    "write_snapshot",
]

SNAPSHOTS = "snapshots"
Reason = Literal["hourly", "closing"]
_KEPT: dict[str, int] = {"hourly": 24, "closing": 5}
_SUFFIX = ".checkpoint"


@dataclass(frozen=True)
class Snapshot:
    """What the note beside a checkpoint says.

    Attributes
    ----------
    time_utc : str
        ISO 8601.
    user, reason : str
    rows : int
        Of the journal.
    sha256_of_last_row : str
    mask_sha256 : str
        Of the reviewed labels: their bytes in C order, little-endian.
    checkpoint : str
        Name of the file.
    checkpoint_sha256 : str
        Of all but its last 32 bytes, which are this hash.
    """

    time_utc: str
    user: str
    reason: Reason
    rows: int
    sha256_of_last_row: str
    mask_sha256: str
    checkpoint: str
    checkpoint_sha256: str


def write_snapshot(
    folder: Path, checkpoint: Checkpoint, reason: Reason, time_utc: str, user: str
) -> Snapshot:
    """Write a checkpoint and its note, and remove old ones: the last 24 and 5 stay.

    Parameters
    ----------
    folder : Path
        Of the review.
    checkpoint : Checkpoint
    reason : str
        ``"hourly"`` or ``"closing"``.
    time_utc, user : str

    Raises
    ------
    FormatError
        If the disk refuses; what is there stays as it was.
    """
    place = folder / SNAPSHOTS
    try:
        place.mkdir(exist_ok=True)
        remove_unfinished(place)
    except OSError as error:
        raise FormatError(
            f"{place}: can't be written to ({error.strerror or error}): make room, or change the "
            "permissions of its folder"
        ) from error
    path = place / f"{checkpoint.sequence:012}-{reason}{_SUFFIX}"
    snapshot = Snapshot(
        time_utc,
        user,
        reason,
        checkpoint.sequence,
        checkpoint.head,
        checkpoint.labels_sha256(),
        path.name,
        write_checkpoint(path, checkpoint),
    )
    note = json.dumps(asdict(snapshot), indent=2).encode() + b"\n"
    write_bytes_atomically(path.with_suffix(".json"), note)
    _remove_old(place)
    return snapshot


def remove_unfinished(place: Path) -> None:
    """Remove what a program left that was killed while it wrote; only one writes at a time."""
    for suffix in (_SUFFIX, ".json"):
        for left in place.glob(f".napari-bayesseg-*{suffix}"):
            left.unlink(missing_ok=True)


def _remove_old(place: Path) -> None:
    for reason in get_args(Reason):
        old = sorted(place.glob(f"*-{reason}{_SUFFIX}"), reverse=True)[_KEPT[reason] :]
        for path in old:
            with suppress(OSError):  # it is tried again next time
                path.with_suffix(".json").unlink(missing_ok=True)
                path.unlink()


def restore_newest(
    folder: Path, journal: Journal, base_sha256: str, labels: Labels, history: History
) -> tuple[int, list[str]]:
    """Make labels and an empty history what they were at the newest snapshot that can be trusted.

    It must be undamaged, of this journal as its chain of hashes stands, and of the same beginning.

    Parameters
    ----------
    folder : Path
        Of the review.
    journal : Journal
        Its chain has been verified.
    base_sha256 : str
        Of the labels that the review begins from.
    labels : (Z, Y, X) int
        Those; written to.
    history : History

    Returns
    -------
    sequence : int
        Number of the snapshot's row; 0 where there is none and nothing was changed.
    notices : list of str
        One line for each that had to be left alone.
    """
    notices: list[str] = []
    for path in _newest_first(folder / SNAPSHOTS):
        try:
            found = read_checkpoint(path)
            _check_origin(found, journal)
            # Predicted anew, or begun from a mask since: no fault, but the labels are others.
            here = (base_sha256, labels.shape, labels.dtype.str)
            if (found.base_sha256, found.shape, found.dtype) == here:
                found.restore(labels, history)
                return found.sequence, notices
        except StoreError as error:
            notices.append(
                f"the snapshot {path.name} was not used: {error}; the journal was replayed instead"
            )
    return 0, notices


def _newest_first(place: Path) -> Iterator[Path]:
    if place.is_dir():
        yield from sorted(place.glob(f"*{_SUFFIX}"), reverse=True)


def _check_origin(checkpoint: Checkpoint, journal: Journal) -> None:
    found = journal.hash_of(checkpoint.sequence)
    if not found:
        raise StoreError(
            f"it was taken at row {checkpoint.sequence}, and the journal ends before that"
        )
    if found != checkpoint.head:
        raise StoreError("it is of another journal")
