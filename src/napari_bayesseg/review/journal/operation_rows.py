"""Operations as rows of the journal, and back."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import Any

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.review.journal.journal_rows import Row
from napari_bayesseg.review.journal.operations import KINDS, TOOLS, Operation, RegionDecision, Tool
from napari_bayesseg.review.labels.voxels import VoxelChange, VoxelSet, unpacked
from napari_bayesseg.review.regions.region_settings import RegionSettings
from napari_bayesseg.review.status import Replacement, Status

__all__ = ["operation_content", "operation_of", "read_index"]


def operation_content(
    decisions: tuple[RegionDecision, ...],
    settings: RegionSettings | None,
    replacement: Replacement | None,
    note: str,
    tool: Tool | None = None,
) -> dict[str, Any]:
    """Return what a row holds of an operation besides its change."""
    content = {
        "decisions": [_decision_content(decision) for decision in decisions],
        "settings": None if settings is None else settings.as_json(),
        "replacement": replacement,
        "note": note,
    }
    # Rows of strokes are as they were before there were other tools.
    return content if tool in (None, "brush") else {**content, "tool": tool}


def operation_of(row: Row) -> Operation:
    """Return the operation that a row holds.

    Raises
    ------
    StoreError
        If the row holds none that this version understands.
    """
    content = row.content
    try:
        kind = KINDS[KINDS.index(row.action)]
        settings, replacement = content["settings"], content["replacement"]
        return Operation(
            row.sequence,
            row.time_utc,
            row.user,
            kind,
            tuple(_decision(values) for values in content["decisions"]),
            None if row.change is None else VoxelChange.from_bytes(row.change),
            None if settings is None else RegionSettings.from_json(settings),
            None if replacement is None else Replacement(replacement),
            str(content["note"]),
            TOOLS[TOOLS.index(content.get("tool", "brush"))] if kind == "edit" else None,
        )
    except (KeyError, TypeError, ValueError, zlib.error, StoreError) as error:
        raise StoreError(
            f"row {row.sequence} of the journal ({row.action}) can't be understood ({error}): "
            "update napari-bayesseg"
        ) from None


def read_index(values: Any) -> Index3:
    """Return a voxel written as a list of three numbers.

    Raises
    ------
    ValueError or TypeError
        If it is something else.
    """
    z, y, x = (int(value) for value in values)
    return z, y, x


def _decision_content(decision: RegionDecision) -> dict[str, Any]:
    packed = base64.b64encode(zlib.compress(decision.voxels.bits)).decode("ascii")
    return {
        "region": decision.region_id,
        "box": [*decision.box.start, *decision.box.stop],
        "voxels": packed,
        "position": list(decision.position),
        "before": decision.before,
        "after": decision.after,
        "expected_error_volume": decision.expected_error_volume,
        "volume": decision.volume,
        "maximum": decision.maximum,
    }


def _decision(values: Mapping[str, Any]) -> RegionDecision:
    box = Roi(read_index(values["box"][:3]), read_index(values["box"][3:]))
    bits = unpacked(base64.b64decode(values["voxels"]), -(-box.size // 8))
    return RegionDecision(
        int(values["region"]),
        VoxelSet(box, bits),
        read_index(values["position"]),
        Status(values["before"]),
        Status(values["after"]),
        float(values["expected_error_volume"]),
        float(values["volume"]),
        float(values["maximum"]),
    )
