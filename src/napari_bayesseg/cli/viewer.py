"""The only place where the command line reaches the viewer, and only when asked to."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["can_show", "has_display", "qt_binding", "show_result"]


def has_display() -> bool:
    """Whether windows can be shown."""
    if sys.platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


def qt_binding() -> str | None:
    """Return name and version of the Qt binding, or None where there is none."""
    try:
        from napari_bayesseg.gui.qt import describe_qt
    except ImportError:
        return None
    return describe_qt()


def can_show() -> bool:
    """Whether the viewer can be opened: a display and a Qt binding."""
    return has_display() and qt_binding() is not None


def show_result(path: Path) -> None:
    """Open a result in the viewer and wait until its window is closed."""
    from napari_bayesseg.gui.window import show_result as show

    show(path)
