"""What a folder of crops says about them: ``crops.json`` beside ``scans`` and ``labels``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.numerics.voxel_statistics import IntensityStatistics

__all__ = ["CROPS_FILE", "LABELS_FOLDER", "SCANS_FOLDER", "crop_manifest", "whole_scan_statistics"]

CROPS_FILE = "crops.json"
SCANS_FOLDER = "scans"
LABELS_FOLDER = "labels"
_FORMAT = "napari-bayesseg crops"


def crop_manifest(
    crops: list[dict[str, Any]],
    statistics: IntensityStatistics,
    percentiles: tuple[float, float],
    content: dict[str, Any],
) -> bytes:
    """Return the file's bytes.

    Parameters
    ----------
    crops : list of dict
        What is known of each; ``"name"`` is that of its two files.
    statistics : IntensityStatistics
        Of the whole scan that the crops were cut out of.
    percentiles : (low, high)
        At which its grey values were clipped.
    content : dict
        JSON values; whatever else there is to know.
    """
    values = {
        "format": _FORMAT,
        "version": 1,
        "whole_scan": {"percentiles": list(percentiles), "statistics": asdict(statistics)},
        **content,
        "crops": crops,
    }
    return json.dumps(values, indent=2, allow_nan=False).encode() + b"\n"


def whole_scan_statistics(
    scan: Path, percentiles: tuple[float, float]
) -> IntensityStatistics | None:
    """Return the grey values of the scan that a file is a crop of; None where it is none.

    A crop around an odd place has another mean than its scan. At prediction the scan's counts, so
    that it must in training, too.

    Parameters
    ----------
    scan : Path
        ``FOLDER/scans/NAME``; read is ``FOLDER/crops.json``.
    percentiles : (low, high)
        None is returned where the scan was clipped at others.

    Raises
    ------
    FormatError
        If the file is damaged.
    """
    path = scan.parent.parent / CROPS_FILE
    if scan.parent.name != SCANS_FOLDER or not path.is_file():
        return None
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != _FORMAT:
            return None
        whole = content["whole_scan"]
        if scan.name not in {crop["name"] for crop in content["crops"]}:
            return None  # a file that was put there later
        if tuple(whole["percentiles"]) != percentiles:
            return None
        return IntensityStatistics(**whole["statistics"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FormatError(
            f"{path.name}: can't be read ({type(error).__name__}): write the crops again, or take "
            "the file away to have each crop normalised by itself"
        ) from None
