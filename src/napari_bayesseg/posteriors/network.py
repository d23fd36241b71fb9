"""Posteriors given by a network with random layers: variational weights or channel dropout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_bayesseg.core.errors import CheckpointError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.core.seeding import keyed_generator
from napari_bayesseg.networks.cost import NetworkCost, vnet_cost
from napari_bayesseg.networks.heteroscedastic import class_probabilities
from napari_bayesseg.networks.normalisation import Statistics, set_statistics
from napari_bayesseg.networks.stochastic import stochastic_layers
from napari_bayesseg.networks.vnet3d import VNet, VNetWindows, vnet_windows
from napari_bayesseg.networks.window import Patch
from napari_bayesseg.posteriors.protocol import ScanReader

__all__ = ["Features", "NetworkDraw", "NetworkPosterior", "padded_shape"]


def padded_shape(shape: Index3, stride: Index3) -> Index3:
    """Round a scan's shape up to a multiple of the network's stride."""
    z, y, x = (-(-n // s) * s for n, s in zip(shape, stride, strict=True))
    return z, y, x


@dataclass(frozen=True)
class Features:
    """What all draws of a block share: the encoder's patches, finest level first."""

    patches: tuple[Patch, ...]
    windows: VNetWindows


@dataclass(frozen=True)
class NetworkDraw:
    """A network with its random layers fixed to one realisation."""

    network: VNet
    realisations: Mapping[str, Tensor]

    @torch.inference_mode()
    def outputs(self, features: Features) -> Tensor:
        """Return outputs ``(1, num_outputs, *core)``, logits first, on the network's device."""
        return self.network.decode(features.patches, features.windows, self.realisations)

    @torch.inference_mode()
    def probabilities(self, features: Features) -> NDArray[np.float32]:
        """Return softmax ``(C, *core)`` float32; a single logit gives two classes."""
        probabilities = class_probabilities(self.outputs(features), self.network.spec)
        array: NDArray[np.float32] = probabilities[0].to("cpu", torch.float32).numpy()
        return array


class NetworkPosterior:
    """Draws from a V-Net whose decoder is random, or the one draw of a network that is not.

    Parameters
    ----------
    network : VNet
        Moved to `device` and put into evaluation mode.
    device : torch.device
    dtype : torch.dtype
        float32; float64 proves that tiling is exact.
    statistics : {"population", "live"}
        Group statistics; with "live" ones tiles are not exact (for comparison only).
    is_member : bool
        Of several networks that together make a posterior: then nothing in it need be random.

    Raises
    ------
    CheckpointError
        If the network has no random layer and is no member: its draws would all be alike.
    """

    def __init__(
        self,
        network: VNet,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        statistics: Statistics = "population",
        *,
        is_member: bool = False,
    ) -> None:
        layers = stochastic_layers(network)
        self._is_random = any(getattr(layer, "rate", 1.0) > 0.0 for layer in layers)
        if not self._is_random and not is_member:
            raise CheckpointError(
                "this network has no random layer (no dropout, no variational weights): all draws "
                "would be alike and a zero map would look like certainty"
            )
        self.device = device or torch.device("cpu")
        self.dtype = dtype
        self.network = network.to(self.device, dtype).eval()
        if self.device.type == "cpu":
            # Weights with the channels innermost make every activation so: a third faster, since
            # the convolutions need no copies in a layout of their own.
            self.network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        set_statistics(self.network, statistics)
        self._layers = layers

    @property
    def num_classes(self) -> int:
        """Number of classes in the probabilities, at least 2."""
        return self.network.spec.num_probabilities

    @property
    def stride(self) -> Index3:
        """Block shapes are multiples of this."""
        return self.network.spec.stride

    @property
    def num_distinct(self) -> int | None:
        """One where nothing is random."""
        return None if self._is_random else 1

    @property
    def parallel_draws(self) -> int:
        """One a processor thread; on a GPU one draw fills the device."""
        return torch.get_num_threads() if self.device.type == "cpu" else 1

    def windows(self, core: Roi, shape: Index3) -> VNetWindows:
        """Return which voxels each level computes for an output box of a scan of `shape`."""
        return vnet_windows(self.network.spec, core, padded_shape(shape, self.stride))

    def warm_up(self) -> None:
        """Do nothing: torch compiles nothing."""

    def read_roi(self, core: Roi, shape: Index3) -> Roi:
        """Return core and halo: the box of the padded scan that a block reads."""
        return self.windows(core, shape).read.roi

    @torch.inference_mode()
    def prepare(self, core: Roi, shape: Index3, read: ScanReader) -> Features:
        """Read core and halo, and run the encoder."""
        windows = self.windows(core, shape)
        image = torch.from_numpy(read(windows.read.roi))[None, None]
        patch = Patch(image.to(self.device, self.dtype), windows.read)
        return Features(self.network.encode(patch, windows), windows)

    def draw(self, index: int, *, seed: int) -> NetworkDraw:
        """Realise every random layer from the key (seed, index, layer name)."""
        return NetworkDraw(self.network, self._realise(index, seed))

    def _realise(self, index: int, seed: int) -> dict[str, Tensor]:
        return {
            layer.name: layer.realise(keyed_generator(seed, index, layer.name))
            for layer in self._layers
        }

    def cost(self, core: Roi, shape: Index3) -> NetworkCost:
        """Return memory and operations of a block."""
        return vnet_cost(self.network.spec, self.windows(core, shape), self.dtype.itemsize)
