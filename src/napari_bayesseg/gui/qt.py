"""Which Qt the viewer will use."""

from __future__ import annotations

from qtpy import API_NAME, QT_VERSION

__all__ = ["describe_qt"]


def describe_qt() -> str:
    """Return name and version of the binding that qtpy has chosen, such as ``"PySide6 6.11.3"``."""
    return f"{API_NAME} {QT_VERSION}"
