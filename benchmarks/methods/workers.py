"""Work that is done by several processes of one thread each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TypeVar

import torch

__all__ = ["PROCESSES_VARIABLE", "done_by_processes"]

PROCESSES_VARIABLE = "NAPARI_BAYESSEG_STUDY_PROCESSES"
"""Environment variable: how many processes of one thread each train and judge; default 2."""

_DEFAULT_PROCESSES = "2"

Item = TypeVar("Item")


def done_by_processes(work: Callable[[Item], None], items: Sequence[Item]) -> Iterator[Item]:
    """Do the work for each item, in the order given, several at a time; yield those done.

    With one process the caller itself does it.
    """
    count = int(os.environ.get(PROCESSES_VARIABLE, _DEFAULT_PROCESSES))
    if count == 1:
        for item in items:
            work(item)
            yield item
        return
    with ProcessPoolExecutor(
        count, mp_context=get_context("spawn"), initializer=_keep_to_one_thread
    ) as pool:
        pending = {pool.submit(work, item): item for item in items}
        for future in as_completed(pending):
            future.result()
            yield pending[future]


def _keep_to_one_thread() -> None:
    """Keep a process to one thread, so that its processor time is time."""
    torch.set_num_threads(1)
