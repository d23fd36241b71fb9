"""Where the sample lies: a simulated CT scan of a battery electrode and its exact labels."""

from importlib.resources import files
from pathlib import Path

from napari_bayesseg.core.errors import FormatError

__all__ = ["ELECTRODE_CT", "ELECTRODE_LABELS", "ELECTRODE_UNSEEN", "sample_folder"]

ELECTRODE_CT = "electrode_ct.ome.tif"
"""The scan."""
ELECTRODE_LABELS = "electrode_labels.ome.tif"
"""The true labels of :data:`ELECTRODE_CT`, voxel by voxel."""
ELECTRODE_UNSEEN = "electrode_unseen.ome.tif"
"""Masks ``(C, Z, Y, X)`` of the defects in :data:`ELECTRODE_CT`, which no model was trained on."""


def sample_folder() -> Path:
    """Return the sample's folder: in the installed package, or beside ``src`` in a checkout.

    Raises
    ------
    FormatError
        If neither folder holds :data:`ELECTRODE_CT`.
    """
    package = Path(str(files("napari_bayesseg")))
    candidates = (package / "sample_data", package.parents[1] / "sample_data")
    for folder in candidates:
        if (folder / ELECTRODE_CT).is_file():
            return folder
    raise FormatError(
        f"the sample scan {ELECTRODE_CT} must lie in {candidates[0]} (installed) or "
        f"{candidates[1]} (checkout), and is in neither; install napari-bayesseg again, or run "
        "the script in sample_data that makes it"
    )
