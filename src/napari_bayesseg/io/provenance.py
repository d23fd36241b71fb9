"""What a result says about its making (inputs, model, settings, versions) and a run's identity."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from napari_bayesseg.core.geometry import Geometry
from napari_bayesseg.core.volume import VolumeSpec

__all__ = ["first_difference", "geometry_of", "making", "run_id", "scan_record"]

_LIBRARIES = ("napari-bayesseg", "torch", "numpy", "numba", "zarr")


def run_id(identity: Mapping[str, Any]) -> str:
    """Hash of what determines the numbers of a run: SHA-256 of its canonical JSON, in hex."""
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def scan_record(spec: VolumeSpec, sha256: str) -> dict[str, Any]:
    """Describe a scan for the provenance; the path is that of the run, for later draws."""
    return {
        "name": spec.name,
        "path": str(spec.source.resolve()) if spec.source else None,
        "sha256": sha256,
        "shape": list(spec.shape),
        "dtype": spec.dtype,
        "affine": [list(row) for row in spec.geometry.affine],
        "unit": spec.geometry.unit,
        "notes": list(spec.notes),
    }


def geometry_of(record: Mapping[str, Any]) -> Geometry:
    """Return the geometry written by :func:`scan_record`."""
    return Geometry.from_matrix(record["affine"], record["unit"])


def making() -> dict[str, Any]:
    """Return versions, platform and time; kept, but no part of the identity."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "versions": found,
    }


def first_difference(old: Any, new: Any, name: str = "") -> str | None:
    """Return the first entry in which two identities differ, in words."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}, key=lambda key: (not key.endswith("sha256"), key)):
            inner = f"{name} {key}".strip()
            found = first_difference(old.get(key), new.get(key), inner)
            if found:
                return found
        return None
    if old == new:
        return None
    if name.endswith("sha256"):
        return f"another {name.removesuffix('sha256').rstrip(' _')}"
    if name.endswith("affine"):
        return "another spacing or orientation"
    return f"{name} {old} there, {new} now"
