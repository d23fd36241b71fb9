"""The decisions of a review as a file: who decided what, where and when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

import numpy as np

from napari_bayesseg.core.errors import FormatError, SettingsError
from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.io.atomic import replace_atomically
from napari_bayesseg.io.provenance import making
from napari_bayesseg.io.tables import write_csv
from napari_bayesseg.review.journal.journal_rows import Row
from napari_bayesseg.review.journal.operations import Operation, RegionDecision
from napari_bayesseg.review.labels.stored_arrays import labels_sha256
from napari_bayesseg.review.labels.voxel_places import box_in_world, holds, where, world
from napari_bayesseg.review.labels.voxels import Labels, VoxelSet
from napari_bayesseg.review.notes import NOTES_APART, Note, notes_in_force
from napari_bayesseg.review.review_view import ReviewView

__all__ = ["write_decisions"]


def write_decisions(path: Path, review: ReviewView) -> None:
    """Write the decisions in force, one entry a decided place, atomically.

    A stroke outside every region is a place too, and so is one with a note alone. Places are in
    voxels and in the world: the maximum, the centroid, and the box, whose eight corners JSON holds
    along with the affine. Both files name the run and the hash of the
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
    geometry, names = review.result.geometry, review.result.class_names
    labels = review.labels()
    sha256 = labels_sha256(labels)
    if suffix == ".json":
        content = {
            "run": review.result.record,
            "mask_sha256": sha256,
            "journal": {"rows": review.sequence, "sha256_of_last_row": review.journal_head},
            "began_from": "starting mask" if review.has_start else "predicted labels",
            "unit": geometry.unit,
            "class_names": list(names),
            "affine_voxel_to_world": geometry.matrix.tolist(),
            "written": making(),
            "events": [_event(row) for row in review.events],
        }
        _write_json(path, content, _placed(review, labels))
        return
    comments = {
        "run": str(review.result.record["run_id"]),
        "mask sha256": sha256,
        "journal": f"{review.sequence} rows, the last with sha256 {review.journal_head}",
    }
    write_csv(path, _columns(geometry.unit), map(_row, _placed(review, labels)), comments)


def _placed(review: ReviewView, labels: Labels) -> Iterator[dict[str, Any]]:
    """Yield an entry for each place; one operation is in memory at a time."""
    geometry, names = review.result.geometry, review.result.class_names
    notes = notes_in_force(review.events)
    alone = {note.sequence: note for note in notes}
    for operation in review.history.applied:
        for entry, voxels in _entries(operation):
            mine = [note for note in notes if holds(voxels, note.position)]
            texts = (entry["note"], *(note.text for note in mine))
            yield {
                **entry,
                **where(voxels, geometry, labels, names),
                "note": NOTES_APART.join(dict.fromkeys(filter(None, texts))),
                "position_world": world(geometry, entry["position_voxels"]),
            }
            for note in mine:
                alone.pop(note.sequence, None)
    for note in alone.values():
        entry = _note_alone(note, geometry)
        yield {**entry, "position_world": world(geometry, entry["position_voxels"])}


def _event(row: Row) -> dict[str, Any]:
    """Return what changed no label: a note, or the answer of an audit."""
    return {
        "sequence": row.sequence,
        "time_utc": row.time_utc,
        "user": row.user,
        "action": row.action,
        "content": row.content,
    }


def _write_json(path: Path, content: dict[str, Any], entries: Iterable[dict[str, Any]]) -> None:
    """Write a JSON object whose last entry, the decisions, is as long as it may be."""

    def verify(temporary: Path) -> None:
        if hashlib.sha256(temporary.read_bytes()).digest() != digest.digest():
            raise FormatError(f"{path.name}: was read back damaged: check the disk")

    digest = hashlib.sha256()
    with replace_atomically(path, verify=verify) as temporary, temporary.open("wb") as file:

        def write(text: str) -> None:
            digest.update(text.encode())
            file.write(text.encode())

        write(json.dumps(content, indent=2, allow_nan=False).removesuffix("\n}"))
        write(',\n  "decisions": [')
        for number, entry in enumerate(entries):
            text = json.dumps(entry, indent=2, allow_nan=False)
            write(f"{',' if number else ''}\n{indent(text, '    ')}")
        write("\n  ]\n}\n")


def _note_alone(note: Note, geometry: Geometry) -> dict[str, Any]:
    """Return an entry for a note on a place that nothing was decided about."""
    return {
        "sequence": note.sequence,
        "time_utc": note.time_utc,
        "user": note.user,
        "action": "note",
        "settings": None,
        "replacement": None,
        "tool": None,
        "note": note.text,
        "region": note.region_id,
        "box": str(note.box),
        "position_voxels": note.position,
        "voxels_changed": 0,
        **box_in_world(note.box, geometry),
    }


def _entries(operation: Operation) -> Iterator[tuple[dict[str, Any], VoxelSet]]:
    """Yield an entry for each place of an operation, and the place's voxels."""
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
        place = {**shared, **_place(decision), "voxels_changed": changed.inside(decision)}
        yield place, decision.voxels
    if not operation.decisions and operation.change is not None:
        place = {
            **shared,
            "region": None,
            "box": str(operation.change.box),
            "position_voxels": operation.position,
            "voxels_changed": changed.total,
        }
        yield place, operation.change.voxels


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


def _columns(unit: str) -> tuple[str, ...]:
    return (
        *("sequence", "time_utc", "user", "action", "region", "box_z_y_x"),
        *("z_voxel", "y_voxel", "x_voxel"),
        *(f"{axis}_world ({unit})" for axis in "zyx"),
        *(f"volume_{unit}^3", f"expected_error_volume_{unit}^3", "maximum"),
        *("measure", "lower_threshold", "upper_threshold"),
        *("before", "after", "replacement", "voxels_changed", "tool", "note"),
        *(f"{axis}_centroid ({unit})" for axis in "zyx"),
        *(f"{axis}_box_{end} ({unit})" for end in ("low", "high") for axis in "zyx"),
        "reviewed_classes",
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
        *(entry.get("centroid_world") or ("", "", "")),
        *entry["box_world_low"],
        *entry["box_world_high"],
        " ".join(entry.get("reviewed_classes", ())),
    )
