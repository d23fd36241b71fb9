"""Where a command may write: never over what was read, and never over what it didn't make."""

from __future__ import annotations

from pathlib import Path

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.inference.result import Result
from napari_bayesseg.io.atomic import check_writable

__all__ = ["check_table", "check_target"]

_TABLE_START = b"# run: "


def check_target(out: Path, result: Result) -> None:
    """Refuse an output file before anything is computed for it.

    Raises
    ------
    SettingsError
        If it is a folder, a source of the result, or lies inside the result or in no folder.
    FormatError
        If its folder can't be written to.
    """
    if out.is_dir():
        raise SettingsError(f"{out}: must be a file and is a folder; name another --out")
    if result.path.resolve() in out.resolve().parents:
        raise SettingsError(f"{out}: lies inside the result itself; name another --out")
    for source in _sources(result):
        if out.resolve() == source or (out.exists() and source.exists() and out.samefile(source)):
            raise SettingsError(
                f"{out}: is what the result was made from, and sources are never written to; name "
                "another --out"
            )
    if not out.parent.is_dir():
        raise SettingsError(f"{out}: there is no folder {out.parent}; make it, or name another")
    check_writable(out.parent)


def _sources(result: Result) -> list[Path]:
    """Return the files that a result was made from, resolved."""
    files = [Path(path) for path in result.record["model"].get("paths", ())]
    if result.spec.source is not None:
        files.append(result.spec.source)
    return [file.resolve() for file in files]


def check_table(out: Path, result: Result) -> None:
    """Refuse a CSV file as :func:`check_target` does; replace only tables of ours.

    Raises
    ------
    SettingsError
        If the file exists and is no table of regions, or can't be a target.
    """
    check_target(out, result)
    if out.exists() and not _is_table(out):
        raise SettingsError(f"{out}: exists and is no table of regions; name another --out")


def _is_table(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(len(_TABLE_START))
    return start in (b"", _TABLE_START)
