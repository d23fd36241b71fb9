"""Posteriors given by the dropout of a network from another library."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from napari_bayesseg.core.errors import BayesSegWarning
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.networks.cost import NetworkCost
from napari_bayesseg.networks.foreign.dropout import DrawKey, SampledDropout
from napari_bayesseg.networks.foreign.engine import Engine, GraphEngine, make_engine
from napari_bayesseg.posteriors.deviation import deviation_of_tiles
from napari_bayesseg.posteriors.network import padded_shape
from napari_bayesseg.posteriors.protocol import ScanReader

__all__ = ["ForeignDraw", "ForeignFeatures", "ForeignPosterior"]

_CLASS_AXIS = 1
# What the order of sums may change in a probability.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class ForeignFeatures:
    """What all draws of a block share, and what runs them."""

    engine: Engine
    shared: Any


@dataclass(frozen=True)
class ForeignDraw:
    """A foreign network with its dropout masks fixed by a key."""

    posterior: ForeignPosterior
    key: DrawKey

    @torch.inference_mode()
    def logits(self, features: ForeignFeatures) -> Tensor:
        """Return logits ``(1, num_classes, *core)`` on the network's device."""
        with self.posterior.arithmetic():
            return features.engine.logits(features.shared, self.key)

    @torch.inference_mode()
    def probabilities(self, features: ForeignFeatures) -> NDArray[np.float32]:
        """Return softmax ``(C, *core)`` float32; a single logit gives two classes."""
        logits = self.logits(features)
        if logits.dtype != torch.float64:
            logits = logits.float()
        if logits.shape[_CLASS_AXIS] == 1:
            foreground = torch.sigmoid(logits)
            probabilities = torch.cat([1.0 - foreground, foreground], _CLASS_AXIS)
        else:
            probabilities = torch.softmax(logits, _CLASS_AXIS)
        array: NDArray[np.float32] = probabilities[0].to("cpu", torch.float32).numpy()
        return array


class ForeignPosterior:
    """Draws from a network of another library whose dropout stays on.

    Parameters
    ----------
    network : nn.Module
        From ``(1, in_channels, Z, Y, X)`` to logits of the same voxels. Its dropout layers are
        replaced by ours; everything else is put into evaluation mode.
    num_classes : int
        Logits; 1 means two classes.
    in_channels : int
        Channels of the scan; each gets the same grey values.
    device : torch.device
    dtype : torch.dtype
        float32; float64 proves that tiling is exact.
    precision : {"float32", "bfloat16"}
        Of the convolutions.
    is_member : bool
        Of several networks that together make a posterior: then nothing in it need be random.

    Warns (:class:`BayesSegWarning`) where the network has to run in full passes.

    Raises
    ------
    CheckpointError
        If it has no dropout at a rate above 0 and is no member, or its output has another shape
        than its input.
    """

    def __init__(
        self,
        network: nn.Module,
        num_classes: int,
        in_channels: int = 1,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        precision: Literal["float32", "bfloat16"] = "float32",
        *,
        is_member: bool = False,
    ) -> None:
        self.device = device or torch.device("cpu")
        self.dtype = dtype
        self._num_logits = num_classes
        self._in_channels = in_channels
        network = network.to(self.device, dtype)
        self.engine: Engine = make_engine(network, in_channels, is_member=is_member)
        dropouts = [m for m in network.modules() if isinstance(m, SampledDropout)]
        self._is_random = any(dropout.rate > 0.0 for dropout in dropouts)
        self._autocast = precision == "bfloat16"
        if self.device.type == "cpu":
            if self._autocast and isinstance(self.engine, GraphEngine):
                self.dtype, self._autocast = torch.bfloat16, False
                _halve(network)
            network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self._deviation_told = False
        self._lock = Lock()
        if self.engine.full_passes:
            warnings.warn(
                f"runs in full passes: {self.engine.full_passes}", BayesSegWarning, stacklevel=2
            )

    @property
    def num_classes(self) -> int:
        """Number of classes in the probabilities, at least 2."""
        return max(self._num_logits, 2)

    @property
    def stride(self) -> Index3:
        """Block shapes are multiples of this."""
        return self.engine.stride

    @property
    def num_distinct(self) -> int | None:
        """One where nothing is random; masks never repeat."""
        return None if self._is_random else 1

    @property
    def parallel_draws(self) -> int:
        """One a processor thread; on a GPU one draw fills the device."""
        return torch.get_num_threads() if self.device.type == "cpu" else 1

    def arithmetic(self) -> AbstractContextManager[object]:
        """Return the context in which the network is run."""
        if self._autocast:
            return torch.autocast(self.device.type, torch.bfloat16)
        return nullcontext()

    def warm_up(self) -> None:
        """Do nothing: the first mask compiles in less than a second."""

    def read_roi(self, core: Roi, shape: Index3) -> Roi:
        """Return core and halo: the box of the padded scan that a block reads."""
        return self.engine.read_roi(core, padded_shape(shape, self.stride))

    def prepare(self, core: Roi, shape: Index3, read: ScanReader) -> ForeignFeatures:
        """Read core and halo, and run the deterministic part.

        The first tile of a network in full passes warns how far it is from exact.
        """
        extent = padded_shape(shape, self.stride)
        if self.engine.full_passes:
            self._tell_deviation(core, extent, read)
        return self.features(self.engine, core, extent, read)

    def _tell_deviation(self, core: Roi, extent: Index3, read: ScanReader) -> None:
        with self._lock:
            if self._deviation_told:
                return
            deviation = deviation_of_tiles(self, core, extent, read)
            self._deviation_told = deviation is not None
        if deviation is not None and deviation.largest > _ROUNDING:
            warnings.warn(str(deviation), BayesSegWarning, stacklevel=3)

    @torch.inference_mode()
    def features(
        self, engine: Engine, core: Roi, extent: Index3, read: ScanReader
    ) -> ForeignFeatures:
        """Run the deterministic part by an engine of this network, on a padded scan."""
        image = torch.from_numpy(read(engine.read_roi(core, extent)))
        scan = image.to(self.device, self.dtype).expand(1, self._in_channels, *image.shape)
        with self.arithmetic():
            return ForeignFeatures(engine, engine.prepare(core, extent, scan))

    def draw(self, index: int, *, seed: int) -> ForeignDraw:
        """Return the network with the masks of the key (seed, index)."""
        return ForeignDraw(self, DrawKey(seed, index))

    def cost(self, core: Roi, shape: Index3) -> NetworkCost:
        """Return memory and operations of a block."""
        return self.engine.cost(core, padded_shape(shape, self.stride), self.dtype.itemsize)


def _halve(network: nn.Module) -> None:
    """Turn weights into bfloat16 but those of normalisations, which work in float32 inside."""
    for module in network.modules():
        if not isinstance(module, (_NormBase, nn.GroupNorm, nn.LayerNorm)):
            for parameter in module.parameters(recurse=False):
                parameter.data = parameter.data.to(torch.bfloat16)
