"""``napari-bayesseg view``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from napari_bayesseg.cli import options
from napari_bayesseg.cli.output import write_json
from napari_bayesseg.cli.viewer import check_can_show, show

__all__ = ["view"]


def view(
    target: Annotated[Path, Parameter(help="Scan, or result store *.zarr")],
    /,
    *,
    start: Annotated[
        Path | None,
        Parameter(help="Mask to begin the review from, where none was begun yet (result only)"),
    ] = None,
    json: options.JsonOutput = False,
) -> None:
    """Open a scan to predict on, or a result with its review, in napari."""
    check_can_show()
    show(target, start=start)
    if json:
        write_json({"target": str(target), "start": None if start is None else str(start)})
