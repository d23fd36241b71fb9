"""Taking a checkpoint of a review that goes on meanwhile.

The arrays are compressed a few planes at a time, and the review is held only as long as that takes;
planes in which something happens are done again. So no decision waits longer than for one slab.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.review.journal.checkpoint_file import Checkpoint, packed
from napari_bayesseg.review.journal.history import History
from napari_bayesseg.review.labels.voxels import Labels

__all__ = ["freeze"]

_SLAB_BYTES = 4 * 2**20
_ROUNDS = 4  # times the number of slabs; then what is left is done at once


def freeze(
    hold: AbstractContextManager[object],
    history: History,
    labels: Labels,
    base_sha256: str,
    head: Callable[[], tuple[int, str]],
    should_stop: Callable[[], bool],
) -> Checkpoint | None:
    """Return what a review is at one moment; None where it was to stop.

    Parameters
    ----------
    hold : context manager
        Nothing is decided while it is held; may be entered again and again.
    history : History
    labels : (Z, Y, X) int
        The reviewed ones.
    base_sha256 : str
        Of those that the review began from.
    head : callable
        Gives number and hash of the last row.
    should_stop : callable
    """
    z, y, x = labels.shape
    depth = max(1, _SLAB_BYTES // max(1, y * x * labels.itemsize))
    count = -(-z // depth)
    label_slabs, code_slabs = [b""] * count, [b""] * count
    left = set(range(count))

    def again(box: Roi) -> None:
        left.update(range(box.start[0] // depth, -(-box.stop[0] // depth)))

    def take(slab: int) -> None:
        low, high = slab * depth, min((slab + 1) * depth, z)
        label_slabs[slab] = packed(labels[low:high])
        codes = history.voxels.planes(low, high)
        code_slabs[slab] = b"" if codes is None else packed(codes)

    with history.watched_by(again):
        for turn in range(_ROUNDS * count + 1):
            with hold:
                if should_stop():
                    return None
                for _ in range(1 if turn < _ROUNDS * count else len(left)):
                    take(left.pop())
                if not left:
                    sequence, digest = head()
                    return Checkpoint(
                        sequence,
                        digest,
                        base_sha256,
                        (z, y, x),
                        np.dtype(labels.dtype).str,
                        depth,
                        tuple(label_slabs),
                        tuple(code_slabs),
                        history.as_arrays(),
                    )
    return None
