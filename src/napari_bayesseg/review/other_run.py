"""Whether a review and a result belong together, and what another run of the result changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.io.chunk_cache import ChunkCache
from napari_bayesseg.review.journal.history import History
from napari_bayesseg.review.journal.journal_rows import Row
from napari_bayesseg.review.journal.operations import RegionDecision
from napari_bayesseg.review.labels.stored_arrays import read_piece
from napari_bayesseg.review.labels.voxels import Labels, VoxelSet
from napari_bayesseg.review.status import Status

if TYPE_CHECKING:
    from napari_bayesseg.inference.result import Result

__all__ = ["check_fit", "find_conflicts", "is_other_run", "other_run_notice"]


def check_fit(result: Result, folder: Path, rows: Sequence[Row]) -> None:
    """Refuse a review of another scan, or of other classes.

    Raises
    ------
    StoreError
        Naming what differs.
    """
    if not rows:
        return
    content = rows[0].content
    for name, mine in (
        ("shape", list(result.spec.shape)),
        ("class_names", list(result.class_names)),
    ):
        if rows[0].action != "begin" or content.get(name) != mine:
            raise StoreError(
                f"{folder}: is the review of a result with {name} {content.get(name)}; this one "
                f"has {mine}: name another folder"
            )


def is_other_run(result: Result, rows: Sequence[Row]) -> bool:
    """Whether the rows were last about another run than the result's."""
    runs = [row.content.get("run_id") for row in rows if row.action in ("begin", "run")]
    return bool(runs) and runs[-1] != result.record["run_id"]


def find_conflicts(result: Result, history: History, labels: Labels) -> tuple[RegionDecision, ...]:
    """Return the accepted places in which the result predicts other labels than are accepted.

    Parameters
    ----------
    result : Result
    history : History
    labels : (Z, Y, X) int
        The reviewed ones.

    Raises
    ------
    StoreError
        If the result is damaged.
    """
    predicted = ChunkCache(result.labels)  # many places lie in one chunk
    found: dict[VoxelSet, RegionDecision] = {}
    for operation in history.applied:
        for decision in operation.decisions:
            box = decision.box
            stands = history.have_status(box, Status.ACCEPTED) & ~history.painted(box)
            voxels = VoxelSet.from_mask(box, stands & decision.voxels.mask())
            accepted = labels[box.slices][voxels.mask()]
            now = read_piece(predicted, box.slices, f"{result.path}: labels")[voxels.mask()]
            if (accepted != now).any():
                found[decision.voxels] = decision
    return tuple(found.values())


def other_run_notice(conflicts: Sequence[RegionDecision]) -> str:
    """Say that the result was predicted anew, and what of it contradicts the decisions."""
    count = len(conflicts)
    return (
        "the result was predicted anew: all decisions are kept; the prediction now differs in "
        f"{count} accepted place{'' if count == 1 else 's'}"
    )
