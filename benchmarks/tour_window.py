"""napari as a person starts it, and a file that says where its buttons are.

``python -m benchmarks.tour_window BEACON [theme]``; started by :mod:`benchmarks.screen`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import napari
from qtpy.QtCore import QPoint, QRect, QTimer
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QMenu,
    QMenuBar,
    QTabBar,
    QWidget,
)

from napari_bayesseg.evaluation.evaluation import class_mean
from napari_bayesseg.gui.main_widget import MainWidget
from napari_bayesseg.gui.review.threshold_slider import ThresholdSlider

_INTERVAL_MS = 100
Place = tuple[str, list[int]]


def places() -> dict[str, list[int]]:
    """Return name and rectangle on the screen of everything visible that can be clicked."""
    visible = (widget for widget in QApplication.allWidgets() if widget.isVisible())
    return dict(place for widget in visible for place in _places_of(widget))


def _places_of(widget: QWidget) -> Iterator[Place]:
    kind = type(widget).__name__
    if isinstance(widget, QTabBar):
        for index in range(widget.count()):
            yield f"tab {widget.tabText(index)}", _rectangle(widget, widget.tabRect(index))
    elif isinstance(widget, QMenu | QMenuBar):
        for action in widget.actions():
            if action.text():
                title = action.text().replace("&", "")
                yield f"menu {title}", _rectangle(widget, widget.actionGeometry(action))
    elif isinstance(widget, QAbstractButton) and widget.text():
        yield f"button {widget.text().replace('&', '')}", _rectangle(widget)
    elif isinstance(widget, QComboBox):
        yield f"combo {widget.currentText()}", _rectangle(widget)
    elif isinstance(widget, ThresholdSlider):
        yield from _slider_places(widget)
    elif "Canvas" in kind:
        yield "canvas", _rectangle(widget)


def _slider_places(widget: ThresholdSlider) -> Iterator[Place]:
    slider = widget.slider
    yield "range", _rectangle(slider)
    left, right = widget.handle_span()
    low, high = slider.minimum(), slider.maximum()
    for name, value in zip(("lower", "upper"), widget.values, strict=True):
        x = round(left + (right - left) * (value - low) / (high - low))
        yield f"handle {name}", _rectangle(slider, QRect(x, 0, 1, slider.height()))


def _rectangle(widget: QWidget, part: QRect | None = None) -> list[int]:
    inside = QRect(QPoint(0, 0), widget.size()) if part is None else part
    corner = widget.mapToGlobal(inside.topLeft())
    return [corner.x(), corner.y(), inside.width(), inside.height()]


def state(viewer: napari.Viewer) -> dict[str, Any]:
    """Return what can be told without a look at the screen."""
    found: dict[str, Any] = {"layers": [layer.name for layer in viewer.layers]}
    widgets = viewer.window.dock_widgets.values()
    widget = next((w for w in widgets if isinstance(w, MainWidget)), None)
    if widget is None:
        return found
    session = widget.session
    found["prediction"] = session.prediction.state
    found["learning"] = session.learning.state
    found["training"] = session.training.state
    desk = session.desk
    if desk is None:
        return found
    evaluated = desk.evaluation.evaluated
    found["dice"] = class_mean(evaluated[0].evaluation.dice) if evaluated else None
    labels = desk.review.labels()
    found["desk"] = {
        "current": None if desk.current is None else desk.current.id,
        "step": list(viewer.dims.current_step),
        "thresholds": [desk.settings.measure, desk.settings.lower, desk.settings.upper],
        "decided": {str(k): str(v) for k, v in desk.statuses.items() if v != "pending"},
        "steps": len(desk.review.history.applied),
        "mask": hashlib.sha256(labels.tobytes()).hexdigest(),
        "editing": desk.editing,
        "busy": desk.is_busy,
    }
    return found


def main() -> None:
    """Show the window and tell of it ten times a second."""
    beacon = Path(sys.argv[1])
    viewer = napari.Viewer()
    viewer.theme = sys.argv[2] if len(sys.argv) > 2 else "dark"
    viewer.window.resize(1280, 800)
    QApplication.topLevelWidgets()[0].move(0, 0)

    def tell() -> None:
        content = json.dumps({"places": places(), "state": state(viewer)})
        temporary = beacon.with_suffix(".new")
        temporary.write_text(content, encoding="utf-8")
        temporary.replace(beacon)

    timer = QTimer()
    timer.setInterval(_INTERVAL_MS)
    timer.timeout.connect(tell)
    timer.start()
    napari.run()


if __name__ == "__main__":
    main()
