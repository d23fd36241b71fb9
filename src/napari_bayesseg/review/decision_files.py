"""The decisions of a review as a file: who decided what, where and when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.io.atomic import write_bytes_atomically
from napari_bayesseg.io.provenance import making
from napari_bayesseg.io.tables import write_csv
from napari_bayesseg.review.operations import Operation, RegionDecision
from napari_bayesseg.review.review_view import ReviewView
from napari_bayesseg.review.stored_arrays import labels_sha256

__all__ = ["write_decisions"]


def write_decisions(path: Path, review: ReviewView) -> None:
    """Write the decisions in force, one entry a decided place, atomically.

    A stroke outside every region is a place too. Both files name the run and the hash of the
    reviewed labels (their bytes in C order, little-endian); JSON holds the whole provenance.

    Parameters
    ----------
    path : Path
        ``*.csv`` or ``*.json``.
    review : Review

    Raises
    ------
    SettingsError
        If the file has another suffix.
    FormatError
        If the disk refuses; an old file is intact.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".json"):
        raise SettingsError(f"{path.name}: decisions are written to *.csv or *.json; rename it")
    entries = [entry for operation in review.history.applied for entry in _entries(operation)]
    for entry in entries:
        entry["position_world"] = _world(review, entry["position_voxels"])
    sha256 = labels_sha256(review.labels())
    if suffix == ".json":
        content = {
            "run": review.result.record,
            "mask_sha256": sha256,
            "journal": {"rows": review.sequence, "sha256_of_last_row": review.journal_head},
            "began_from": "starting mask" if review.has_start else "predicted labels",
            "unit": review.result.geometry.unit,
            "written": making(),
            "decisions": entries,
        }
        text = json.dumps(content, indent=2, allow_nan=False)
        write_bytes_atomically(path, text.encode() + b"\n")
        return
    comments = {
        "run": str(review.result.record["run_id"]),
        "mask sha256": sha256,
        "journal": f"{review.sequence} rows, the last with sha256 {review.journal_head}",
    }
    write_csv(path, _columns(review.result.geometry.unit), map(_row, entries), comments)


def _entries(operation: Operation) -> Iterator[dict[str, Any]]:
    """Yield an entry for each place of an operation."""
    changed = _Changed(operation)
    settings = operation.settings
    shared = {
        "sequence": operation.sequence,
        "time_utc": operation.time_utc,
        "user": operation.user,
        "action": operation.kind,
        "tool": operation.tool,
        "settings": None if settings is None else settings.as_json(),
        "replacement": operation.replacement,
        "note": operation.note,
    }
    for decision in operation.decisions:
        yield {**shared, **_place(decision), "voxels_changed": changed.inside(decision)}
    if not operation.decisions and operation.change is not None:
        yield {
            **shared,
            "region": None,
            "box": str(operation.change.box),
            "position_voxels": operation.position,
            "voxels_changed": changed.total,
        }


def _place(decision: RegionDecision) -> dict[str, Any]:
    return {
        "region": decision.region_id,
        "box": str(decision.box),
        "position_voxels": decision.position,
        "volume": decision.volume,
        "expected_error_volume": decision.expected_error_volume,
        "maximum": decision.maximum,
        "before": decision.before,
        "after": decision.after,
    }


class _Changed:
    """Where an operation gave voxels another label than they had."""

    def __init__(self, operation: Operation) -> None:
        change = operation.change
        self._box = Roi((0, 0, 0), (0, 0, 0)) if change is None else change.box
        self._differs = np.zeros(self._box.shape, np.bool_)
        if change is not None:
            self._differs[change.voxels.mask()] = change.old != change.new
        self.total = int(np.count_nonzero(self._differs))
        self._is_stroke = operation.kind == "edit"

    def inside(self, decision: RegionDecision) -> int:
        """Count them in a region; all of a stroke, which may lead out of its region."""
        common = self._box.intersection(decision.box)
        if self._is_stroke or common.is_empty:
            return self.total
        mine = decision.voxels.mask()[common.relative_to(decision.box.start).slices]
        return int((mine & self._differs[common.relative_to(self._box.start).slices]).sum())


def _world(review: ReviewView, position: Index3) -> list[float]:
    place: list[float] = (review.result.geometry.matrix @ [*position, 1.0])[:3].tolist()
    return place


def _columns(unit: str) -> tuple[str, ...]:
    return (
        *("sequence", "time_utc", "user", "action", "region", "box_z_y_x"),
        *("z_voxel", "y_voxel", "x_voxel"),
        *(f"{axis}_world ({unit})" for axis in "zyx"),
        *(f"volume_{unit}^3", f"expected_error_volume_{unit}^3", "maximum"),
        *("measure", "lower_threshold", "upper_threshold"),
        *("before", "after", "replacement", "voxels_changed", "tool", "note"),
    )


def _row(entry: dict[str, Any]) -> tuple[object, ...]:
    settings = entry["settings"] or {}
    place = [entry.get(name, "") for name in ("volume", "expected_error_volume", "maximum")]
    made_by = [settings.get(name, "") for name in ("measure", "lower", "upper")]
    return (
        *(entry[name] for name in ("sequence", "time_utc", "user", "action")),
        "" if entry["region"] is None else entry["region"],
        entry["box"],
        *entry["position_voxels"],
        *entry["position_world"],
        *place,
        *made_by,
        str(entry.get("before", "")),
        str(entry.get("after", "")),
        str(entry["replacement"] or ""),
        entry["voxels_changed"],
        entry["tool"] or "",
        entry["note"].encode("utf-8", "backslashreplace").decode(),
    )
