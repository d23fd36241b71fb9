"""How the hot loops are compiled: one place, one set of flags."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

__all__ = ["compiled"]

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile `function` with numba on its first call, releasing the GIL while it runs.

    No ``parallel=True``: numba's portable threading layer must not be entered from two threads,
    and the viewer does that; callers spread chunks over their own threads. No ``fastmath``:
    results must not depend on how a loop was vectorised, and NaN must stay NaN. Division follows
    NumPy's rules (no exception on zero), or loops with a division would not vectorise.

    The compiled code is kept on disk beside the module and goes stale with the module's own file
    only: after editing a function that compiled functions of other modules call, touch those too.
    """
    try:
        return _compile(function, cache=True)
    except RuntimeError:
        # Raised where neither the package's folder nor the user's cache can be written.
        return _compile(function, cache=False)


def _compile(function: Function, *, cache: bool) -> Function:
    jitted = numba.njit(function, cache=cache, nogil=True, fastmath=False, error_model="numpy")
    return cast("Function", jitted)
