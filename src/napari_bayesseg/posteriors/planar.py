"""Posteriors on the processor's compiled convolutions: float32 exact to the bit, or bfloat16."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.cost import NetworkCost
from napari_bayesseg.networks.planar.cost import planar_cost
from napari_bayesseg.networks.planar.frames import PlanarFeatures
from napari_bayesseg.networks.planar.layers import serially
from napari_bayesseg.networks.planar.network import PlanarVNet
from napari_bayesseg.networks.planar.weights import DrawWeights
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.posteriors.network import NetworkPosterior
from napari_bayesseg.posteriors.protocol import ScanReader

__all__ = ["PlanarDraw", "PlanarPosterior"]

# For packed draws that are kept from block to block.
_KEPT_BYTES = 32 * 2**20


@dataclass(frozen=True)
class PlanarDraw:
    """One draw's packed weights."""

    network: PlanarVNet
    realisations: dict[str, Tensor]
    weights: DrawWeights

    def probabilities(self, features: PlanarFeatures) -> NDArray[np.float32]:
        """Return softmax ``(C, *core)`` float32; a single logit gives two classes."""
        out = np.empty((self.network.num_classes, *features.windows.output.shape), np.float32)
        self.fill(features, out)
        return out

    def fill(self, features: PlanarFeatures, out: NDArray[np.float32]) -> None:
        """Write softmax to the contiguous array `out`, ``(C, *core)`` or ``(C, voxels)``."""
        shape = (self.network.num_classes, *features.windows.output.shape)
        self.network.decoder.decode(features, self.weights, out.reshape(shape))


class PlanarPosterior(NetworkPosterior):
    """Draws from a V-Net whose decoder is random, on the processor.

    In float32 the probabilities of a voxel are the same to the last bit in every block.

    Parameters
    ----------
    network : VNet
        With population statistics.
    precision : {"float32", "bfloat16"}
        bfloat16 needs a processor that multiplies such numbers
        (:data:`~napari_bayesseg.numerics.planar.tile.HAS_BFLOAT16`).
    is_member : bool
        As in :class:`NetworkPosterior`. A member's blocks are prepared on one thread, since
        several members are prepared at a time.

    Raises
    ------
    CheckpointError
        If the network has no random layer and is no member: its draws would all be alike.
    """

    def __init__(
        self, network: VNet, *, precision: str = "float32", is_member: bool = False
    ) -> None:
        super().__init__(network, is_member=is_member)
        self._is_member = is_member
        self.planar = PlanarVNet(network, paired=precision == "bfloat16")
        # A run asks for the same draws in every block.
        self._draws: dict[tuple[int, int], PlanarDraw] = {}

    def warm_up(self) -> None:
        """Compile the convolutions (seconds, once a machine)."""
        shape = self.stride
        read = _zeros
        self.draw(0, seed=0).probabilities(self.prepare(Roi.whole(shape), shape, read))

    def prepare(self, core: Roi, shape: Index3, read: ScanReader) -> PlanarFeatures:  # type: ignore[override]
        """Read core and halo, and run the encoder, its planes in threads."""
        windows = self.windows(core, shape)
        image = read(windows.read.roi)
        if self._is_member:
            return self.planar.encoder.encode(image, windows, serially)
        num_threads = torch.get_num_threads()
        with ThreadPoolExecutor(num_threads, thread_name_prefix="encode") as pool:
            return self.planar.encoder.encode(image, windows, _in_threads(pool, num_threads))

    def draw(self, index: int, *, seed: int) -> PlanarDraw:  # type: ignore[override]
        """Realise every random layer from the key (seed, index, layer name) and pack it."""
        found = self._draws.get((seed, index))
        if found is None:
            realisations = self._realise(index, seed)
            weights = self.planar.weights.draw(realisations)
            found = PlanarDraw(self.planar, realisations, weights)
            if (1 + len(self._draws)) * weights.num_bytes <= _KEPT_BYTES:
                self._draws[seed, index] = found
        return found

    def cost(self, core: Roi, shape: Index3) -> NetworkCost:
        """Return memory and operations of a block."""
        windows = self.windows(core, shape)
        return planar_cost(self.network.spec, windows, paired=self.planar.paired)


def _zeros(roi: Roi) -> NDArray[np.float32]:
    return np.zeros(roi.shape, np.float32)


def _in_threads(
    pool: ThreadPoolExecutor, num_threads: int
) -> Callable[[int, Callable[[int, int], None]], None]:
    """Spread planes over threads; a plane's bits don't depend on where they are cut."""

    def run(count: int, work: Callable[[int, int], None]) -> None:
        edges = np.linspace(0, count, min(num_threads, count) + 1).astype(int)
        list(pool.map(work, edges[:-1].tolist(), edges[1:].tolist()))

    return run
