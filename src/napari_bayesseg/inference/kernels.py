"""Which kernel computes the blocks of a run."""

from __future__ import annotations

from collections.abc import Sequence

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.core.settings import InferenceSettings
from napari_bayesseg.inference.block import BlockKernel, ScanBoxes
from napari_bayesseg.inference.host_kernel import HostKernel
from napari_bayesseg.posteriors.protocol import Posterior

__all__ = ["make_kernel"]


def make_kernel(
    posterior: Posterior,
    scan: ScanBoxes | None,
    shape: Index3,
    settings: InferenceSettings,
    measures: Sequence[str],
) -> BlockKernel:
    """Return the kernel for the device that the posterior's draws are computed on.

    Parameters
    ----------
    posterior : Posterior
    scan : ScanBoxes or None
        None where the posterior reads no scan.
    shape : (Z, Y, X)
        Of the scan.
    settings : InferenceSettings
    measures : sequence of str
        To compute.
    """
    if posterior.device.type == "cuda":
        from napari_bayesseg.inference.device_kernel import DeviceKernel

        return DeviceKernel(posterior, scan, shape, settings, measures)
    return HostKernel(posterior, scan, shape, settings, measures)
