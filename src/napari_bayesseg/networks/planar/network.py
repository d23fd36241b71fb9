"""The V-Net on the compiled convolutions: the same windows, everything between two of them fused.

Bias, ReLU, normalisation and the normalisation after the concatenation are done while a tile is
still in registers; nothing is concatenated; upsampling and its convolution are one. Where weights
don't depend on the draw, what the skip connection adds to the merging convolution is summed once a
block. A voxel's bits don't depend on the block (see ``numerics.planar.tile``).
"""

from __future__ import annotations

from napari_bayesseg.networks.planar.decoder import PlanarDecoder
from napari_bayesseg.networks.planar.encoder import PlanarEncoder
from napari_bayesseg.networks.planar.weights import PlanarWeights
from napari_bayesseg.networks.vnet3d import VNet

__all__ = ["PlanarVNet"]


class PlanarVNet:
    """A V-Net with population statistics, to be run on the processor without torch.

    Parameters
    ----------
    network : VNet
        Weights and statistics are copied from it.
    paired : bool
        Whether the decoder multiplies bfloat16 numbers (sums are single precision); the encoder,
        which runs once a block, is always single.

    Attributes
    ----------
    num_classes : int
        In the probabilities, at least 2.
    weights : PlanarWeights
    encoder : PlanarEncoder
    decoder : PlanarDecoder
    """

    def __init__(self, network: VNet, *, paired: bool = False) -> None:
        self.paired = paired
        self.num_classes = network.spec.num_probabilities
        self.weights = PlanarWeights(network, paired=paired)
        self.encoder = PlanarEncoder(network.spec, self.weights, paired=paired)
        self.decoder = PlanarDecoder(network.spec, self.weights, paired=paired)
