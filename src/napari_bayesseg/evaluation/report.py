"""The files of an evaluation: a page, its numbers as JSON, and its figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.evaluation.comparison import Comparison, by_method, compare
from napari_bayesseg.evaluation.evaluation import Evaluation
from napari_bayesseg.evaluation.figures import (
    error_removed_figure,
    pavpu_figure,
    reliability_figure,
    risk_coverage_figure,
)
from napari_bayesseg.evaluation.report_page import report_page
from napari_bayesseg.io.atomic import check_writable, write_bytes_atomically
from napari_bayesseg.io.json_text import json_text
from napari_bayesseg.io.provenance import making

__all__ = ["PAGE", "check_report_folder", "report_values", "write_report"]

PAGE = "report.html"
_NUMBERS = "report.json"
_KIND = "napari-bayesseg evaluation"
_DRAWERS = {
    "error_removed": error_removed_figure,
    "reliability": reliability_figure,
    "risk_coverage": risk_coverage_figure,
    "pavpu": pavpu_figure,
}


def check_report_folder(out: Path, *, overwrite: bool = False) -> None:
    """Refuse a folder for a report before anything is computed for it.

    Raises
    ------
    SettingsError
        If it is a file or a result, holds a report and `overwrite` is not set, or holds files
        under the names of a report's that are of something else.
    FormatError
        If it can't be written to.
    """
    if out.exists() and not out.is_dir():
        raise SettingsError(f"{out}: must be a folder and is a file; name another --out")
    for folder in (out.resolve(), *out.resolve().parents):
        if (folder / "zarr.json").exists():
            raise SettingsError(f"{out}: {folder.name} is an array store; name another --out")
    names = (PAGE, _NUMBERS, *(f"{name}.svg" for name in _DRAWERS))
    there = [name for name in names if (out / name).exists()]
    there += [path.name for path in _pictures_in(out)]
    if there and not _is_report(out / _NUMBERS):
        raise SettingsError(
            f"{out}: holds {there[0]} of something else than an evaluation; name another --out"
        )
    if there and not overwrite:
        raise SettingsError(
            f"{out}: holds a report already; name another --out, or pass --overwrite"
        )
    check_writable(out)


def report_values(
    evaluations: Sequence[Evaluation], comparison: Comparison | None = None
) -> dict[str, Any]:
    """Return what ``report.json`` holds.

    Each entry of ``results`` has the keys of the contract; with a single result they stand at the
    top too. Means over cases and differences between methods are under ``comparison``.
    """
    compared = comparison or compare(by_method(evaluations))
    results = [one.as_json() for one in evaluations]
    top = results[0] if len(results) == 1 else {}
    return {
        "kind": _KIND,
        **top,
        "results": results,
        "comparison": compared.as_json(),
        "made": making(),
    }


def write_report(
    out: Path,
    evaluations: Sequence[Evaluation],
    comparison: Comparison | None = None,
    *,
    pictures: Sequence[tuple[str, bytes]] = (),
    overwrite: bool = False,
) -> list[Path]:
    """Write ``report.html``, ``report.json`` and the figures as SVG, each atomically.

    Parameters
    ----------
    out : Path
        Folder; made if there is none.
    evaluations : sequence of Evaluation
        Any number of methods and cases; they are grouped by name.
    comparison : Comparison, optional
        By default made here.
    pictures : sequence of (caption, PNG)
        To show in the page, and to write beside it.
    overwrite : bool
        Replace the report of an earlier evaluation.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    SettingsError
        As :func:`check_report_folder`, and :func:`~.comparison.compare`.
    FormatError
        If the disk refuses.
    """
    check_report_folder(out, overwrite=overwrite)
    methods = by_method(evaluations)
    compared = comparison or compare(methods)
    figures = {name: draw(methods) for name, draw in _DRAWERS.items()}
    page = report_page(methods, compared, figures, pictures)
    contents = {
        # First, because it says that the folder is ours.
        _NUMBERS: json_text(report_values(evaluations, compared)).encode("utf-8"),
        PAGE: page.encode("utf-8"),
        **{f"{name}.svg": _alone(figure).encode("utf-8") for name, figure in figures.items()},
        **{f"errors_{n + 1}.png": png for n, (_, png) in enumerate(pictures)},
    }
    out.mkdir(parents=True, exist_ok=True)
    for old in _pictures_in(out):
        if old.name not in contents:
            old.unlink()  # of a case that is no longer there
    for name, content in contents.items():
        write_bytes_atomically(out / name, content)
    return [out / name for name in contents]


def _pictures_in(out: Path) -> list[Path]:
    return sorted(path for path in out.glob("errors_*.png") if path.stem[7:].isdigit())


def _alone(figure: str) -> str:
    """Return a figure that needs no page: with the font, and white behind it."""
    style = "<style>text { font: 12px system-ui, sans-serif; fill: #333; }</style>"
    white = '<rect width="100%" height="100%" fill="#fff"/>'
    head, rest = figure.split("</title>", 1)
    return f"{head}</title>{style}{white}{rest}"


def _is_report(path: Path) -> bool:
    try:
        content: Mapping[str, Any] = json.loads(path.read_bytes())
        return bool(content["kind"] == _KIND)
    except (OSError, ValueError, LookupError, TypeError):
        return False
