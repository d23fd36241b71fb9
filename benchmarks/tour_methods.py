"""Every method once in the window: trained in the tab Train, predicted with, reviewed.

``python -m benchmarks.tour_methods FOLDER`` writes ``methods.png``: a window for each method. It
needs a display (``xvfb-run``).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari.layers import Layer
from PIL import Image, ImageDraw, ImageFont
from qtpy.QtWidgets import QApplication

from napari_bayesseg.gui.main_widget import MainWidget
from napari_bayesseg.gui.sample import open_electrode
from napari_bayesseg.gui.window import DOCK_NAME
from napari_bayesseg.networks.methods import METHODS, Method

__all__ = ["main"]

_WINDOW = (1360, 820)
_TILE = (800, 482)
_CAPTION = 34
_COLOURS = 200
_CROP = (slice(24, 56), slice(0, 96), slice(0, 96))
_STEPS = 150
_SETTINGS: dict[str, Any] = {
    "steps": _STEPS,
    "channels": "8, 16, 32",
    "patch_shape": "16, 32, 32",
    "batch_size": 2,
    "device": "cpu",
}
_OF_METHOD: dict[str, dict[str, Any]] = {
    "ensemble": {"num_members": 3},
    "sghmc": {"sghmc.num_cycles": 3},
    "mc-dropout": {"dropout_rate": 0.2},
    "heteroscedastic": {"dropout_rate": 0.2},
    "ua-mt": {"dropout_rate": 0.2, "mean_teacher.num_samples": 4},
}
_TIMEOUT_S = 1800.0


def _wait(condition: Callable[[], object]) -> None:
    end = time.monotonic() + _TIMEOUT_S
    while not condition():
        QApplication.processEvents()
        time.sleep(0.02)
        if time.monotonic() > end:
            raise TimeoutError("the window did not get there")


def _open_crop(viewer: napari.Viewer) -> None:
    """Add a part of the sample and its labels, on which a training takes a minute."""
    for data, meta, *kind in open_electrode():
        named = {**meta, "name": f"{meta['name']} part"}
        viewer.add_layer(Layer.create(np.asarray(data[_CROP]), named, *kind))


def _train(widget: MainWidget, method: Method) -> Path:
    tab, found = widget.train_tab, []
    widget.session.training.ended.connect(found.append)
    widget.tabs.setCurrentWidget(_page(widget, "Train"))
    tab.form.method.choose(method)
    for name, value in {**_SETTINGS, **_OF_METHOD.get(method, {})}.items():
        tab.form.settings.editor(name).value = value
    _wait(lambda: tab.looked is not None and tab.run_box.train.isEnabled())
    tab.run_box.train.click()
    _wait(lambda: found)
    widget.session.training.ended.disconnect(found.append)
    if found[0].kind != "done":
        raise RuntimeError(f"{method}: {found[0].message}")
    return Path(found[0].folder)


def _predict(widget: MainWidget, out: Path) -> None:
    tab, found = widget.predict_tab, []
    widget.train_tab.predict.click()
    tab.form.out.set_path(out)
    widget.session.prediction.ended.connect(found.append)
    _wait(lambda: tab.target is not None and tab.run_box.run.isEnabled())
    tab.run_box.run.click()
    _wait(lambda: found)
    widget.session.prediction.ended.disconnect(found.append)
    if found[0].kind != "done":
        raise RuntimeError(f"{out.stem}: {found[0].message}")
    _wait(lambda: widget.session.desk is not None and not widget.session.desk.is_busy)
    widget.tabs.setCurrentWidget(_page(widget, "Review"))


def _page(widget: MainWidget, title: str) -> Any:
    titles = [widget.tabs.tabText(index) for index in range(widget.tabs.count())]
    return widget.tabs.widget(titles.index(title))


def _picture(viewer: napari.Viewer) -> Image.Image:
    end = time.monotonic() + 2.0
    _wait(lambda: time.monotonic() > end)
    return Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)).convert("RGB")


def _together(pictures: dict[Method, Image.Image]) -> Image.Image:
    """Put the windows into two columns, each with the method's title above it."""
    width, height = _TILE
    rows = -(-len(pictures) // 2)
    whole = Image.new("RGB", (2 * width, rows * (height + _CAPTION)), "white")
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(size=20)
    for number, (method, picture) in enumerate(pictures.items()):
        x, y = number % 2 * width, number // 2 * (height + _CAPTION)
        draw.text((x + 8, y + 6), f"{METHODS[method].title} ({method})", "black", font)
        whole.paste(picture.resize(_TILE, Image.Resampling.LANCZOS), (x, y + _CAPTION))
    return whole


def main(folder: Path) -> None:
    """Take the picture."""
    pictures: dict[Method, Image.Image] = {}
    with tempfile.TemporaryDirectory(prefix="bayesseg-methods-") as home:
        os.environ["XDG_DATA_HOME"] = home  # where a person's models go
        viewer = napari.Viewer()
        viewer.window.resize(*_WINDOW)
        widget = MainWidget(viewer)
        viewer.window.add_dock_widget(widget, name=DOCK_NAME, area="right")
        _open_crop(viewer)
        for method in METHODS:
            started = time.monotonic()
            _train(widget, method)
            _predict(widget, Path(home) / f"{method}.zarr")
            pictures[method] = _picture(viewer)
            sys.stderr.write(f"{method}: {time.monotonic() - started:.0f} s\n")
            widget.session.close_result()
            for layer in [layer for layer in viewer.layers if not layer.name.endswith("part")]:
                viewer.layers.remove(layer)
        widget.close_session()
        viewer.close()
    _together(pictures).quantize(_COLOURS).save(folder / "methods.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
