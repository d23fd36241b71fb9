"""Keeps the C library from giving large buffers back to the kernel after every layer."""

from __future__ import annotations

import ctypes
import platform
import sys
from functools import cache

__all__ = ["keep_freed_memory"]

# From malloc.h of glibc.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8


@cache
def keep_freed_memory() -> bool:
    """Ask glibc to reuse freed memory instead of mapping fresh pages; once, at the first call.

    Each layer of a network allocates and frees tens of megabytes. By default glibc maps and unmaps
    them each time, and the page faults take up to half of the time. The process then keeps what
    it once had; its peak stays the same.

    Returns
    -------
    bool
        Whether it was done; False on systems without glibc.
    """
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    settings = (
        (_M_MMAP_MAX, 0),
        (_M_TRIM_THRESHOLD, 2**31 - 1),
        (_M_TOP_PAD, 64 * 2**20),
        (_M_ARENA_MAX, 1),  # threads share what was freed; their own arenas shrink all the time
    )
    return all(bool(libc.mallopt(name, value)) for name, value in settings)
