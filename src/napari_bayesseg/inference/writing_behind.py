"""Finished blocks, written while the next one is computed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from napari_bayesseg.inference.block import BlockResult
from napari_bayesseg.inference.plan import Block
from napari_bayesseg.inference.waiting import wait_for
from napari_bayesseg.io.result_store import ResultStore

__all__ = ["WritingBehind"]


class WritingBehind:
    """Writes one block at a time to a result store; use it as a context manager.

    Blocks get their ledger lines in the order in which they are handed over. Leaving the context
    waits for the block that is being written.

    Parameters
    ----------
    store : ResultStore
        Whose lock this process holds.
    device : str
        Where the blocks are computed, for the ledger.
    written : callable
        Receives each block that is on the disk, in the thread that calls these methods.
    """

    def __init__(self, store: ResultStore, device: str, written: Callable[[Block], None]) -> None:
        self._store = store
        self._device = device
        self._written = written
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="write-behind")
        self._pending: tuple[Block, Future[None]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown(wait=True)

    def submit(self, block: Block, result: BlockResult, *, is_left_out: bool) -> None:
        """Begin to write a block. Call :meth:`finish` first: one block is held at a time."""
        assert self._pending is None
        future = self._executor.submit(self._write, block, result, is_left_out)
        self._pending = block, future

    def check(self) -> None:
        """Tell of the block if it is on the disk by now; raise what went wrong with it."""
        if self._pending is not None and self._pending[1].done():
            self.finish(lambda: None)

    def finish(self, poll: Callable[[], None]) -> None:
        """Wait for the block that is being written, if there is one.

        Raises
        ------
        StoreError
            If the disk refuses. Also what `poll`, called while waiting, raises.
        """
        if self._pending is not None:
            block, future = self._pending
            wait_for(future, poll)
            self._pending = None
            self._written(block)

    def _write(self, block: Block, result: BlockResult, is_left_out: bool) -> None:
        counts = result.counts if self._store.has_counts else None
        sha256 = self._store.write_arrays(block.index, block.core, result.arrays, counts)
        self._store.commit_block(block.index, sha256, self._device, skipped=is_left_out)
