"""Waiting for another thread without becoming deaf."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

__all__ = ["wait_for"]

T = TypeVar("T")
_SECONDS = 0.05


def wait_for(future: Future[T], poll: Callable[[], None]) -> T:
    """Return the result of `future`, or raise its error; calls `poll` now and then meanwhile."""
    while not wait([future], timeout=_SECONDS).done:
        poll()
    return future.result()
