"""The only place where the command line reaches the viewer, and only when asked to."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from napari_bayesseg.core.errors import SettingsError

__all__ = ["can_show", "check_can_show", "has_display", "qt_binding", "show"]


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


def check_can_show() -> None:
    """Refuse where no window can be opened.

    Raises
    ------
    SettingsError
        Saying what is missing.
    """
    if not has_display():
        raise SettingsError(
            "no display: a window can't be opened here; use predict, regions and export instead"
        )
    if qt_binding() is None:
        raise SettingsError('no Qt: install it with pip install "napari-bayesseg[gui]"')


def show(path: Path, *, start: Path | None = None) -> None:
    """Open a scan or a result in the viewer and wait until its window is closed."""
    from napari_bayesseg.gui.window import show as show_window

    show_window(path, start=start)
