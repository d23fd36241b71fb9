"""Audits as rows of the journal: one row when it begins, one an answer, one when it ends.

The latest answer about a place counts. So an audit that was interrupted goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.review.audit.audit import CONFIDENCE, Audit, AuditPlace, AuditRecord
from napari_bayesseg.review.audit.unseen import UnseenSample
from napari_bayesseg.review.journal.journal_rows import Row
from napari_bayesseg.review.journal.operation_rows import read_index
from napari_bayesseg.review.regions.region_settings import RegionSettings

__all__ = ["answer_content", "audit_content", "audit_of", "end_content", "read_audits"]


def audit_content(
    sample: UnseenSample, seed: int, geometry: Geometry, settings: RegionSettings, run_id: str
) -> dict[str, Any]:
    """Return what the row of a new audit holds."""
    return {
        "seed": seed,
        "places": [
            [*position, label] for position, label in zip(sample.places, sample.labels, strict=True)
        ],
        "population": sample.population,
        "expected_error": sample.expected_error,
        "voxel_volume": geometry.voxel_volume,
        "unit": geometry.unit,
        "settings": settings.as_json(),
        "run_id": run_id,
        "confidence": CONFIDENCE,
    }


def answer_content(audit: Audit, number: int, agrees: bool) -> dict[str, Any]:
    """Return what the row of an answer holds."""
    return {"audit": audit.sequence, "place": number, "agrees": agrees}


def end_content(record: AuditRecord) -> dict[str, Any]:
    """Return what the row of an end holds: the outcome, for who reads the journal itself."""
    outcome = record.outcome
    return {
        "audit": record.audit.sequence,
        "finished": outcome.is_finished,
        "wrong": outcome.wrong,
        "answered": outcome.answered,
        "count": outcome.count,
        "bound": outcome.bound,
    }


def audit_of(row: Row) -> Audit:
    """Return the audit that a row begins.

    Raises
    ------
    StoreError
        If the row holds none that this version understands.
    """
    content = row.content
    try:
        places = tuple(
            AuditPlace(number, read_index(values[:3]), int(values[3]))
            for number, values in enumerate(content["places"])
        )
        return Audit(
            row.sequence,
            row.time_utc,
            row.user,
            int(content["seed"]),
            places,
            int(content["population"]),
            float(content["expected_error"]),
            float(content["voxel_volume"]),
            str(content["unit"]),
            RegionSettings.from_json(content["settings"]),
            str(content["run_id"]),
        )
    except (KeyError, IndexError, TypeError, ValueError, StoreError) as error:
        raise StoreError(
            f"row {row.sequence} of the journal (audit) can't be understood ({error}): update "
            "napari-bayesseg"
        ) from None


def read_audits(events: Iterable[Row]) -> tuple[AuditRecord, ...]:
    """Return the audits that the events of a journal tell, the oldest first.

    Raises
    ------
    StoreError
        If a row holds what this version doesn't understand.
    """
    records: dict[int, AuditRecord] = {}
    for row in events:
        if row.action == "audit":
            records[row.sequence] = AuditRecord(audit_of(row), MappingProxyType({}), False)
            continue
        if row.action not in ("audit-answer", "audit-end"):
            continue
        record = records.get(row.content.get("audit", 0))
        if record is None:
            raise StoreError(
                f"row {row.sequence} of the journal ({row.action}) belongs to no audit: update "
                "napari-bayesseg"
            )
        if row.action == "audit-end":
            record = record.ended()
        else:
            number, agrees = row.content.get("place"), row.content.get("agrees")
            places = range(len(record.audit.places))
            if not (isinstance(number, int) and number in places and isinstance(agrees, bool)):
                raise StoreError(
                    f"row {row.sequence} of the journal (audit-answer) can't be understood: update "
                    "napari-bayesseg"
                )
            record = record.answered(number, agrees)
        records[record.audit.sequence] = record
    return tuple(records.values())
