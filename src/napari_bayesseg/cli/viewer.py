"""The only place where the command line reaches the viewer, and only when asked to."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

__all__ = ["can_show", "has_display", "qt_binding", "show_result"]


def has_display() -> bool:
    """Whether windows can be shown."""
    if sys.platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


def qt_binding() -> str | None:
    """Return the name of the installed Qt binding, without loading it."""
    for name in ("PySide6", "PyQt6", "PyQt5"):
        if find_spec(name) is not None:
            return name
    return None


def can_show() -> bool:
    """Whether the viewer can be opened: a display and a Qt binding."""
    return has_display() and qt_binding() is not None


def show_result(path: Path) -> None:
    """Open a result in the viewer and wait until its window is closed."""
    from napari_bayesseg.gui.window import show_result as show

    show(path)
