"""Memory of a block on the compiled convolutions, before it is run."""

from __future__ import annotations

from dataclasses import replace

from napari_bayesseg.networks.cost import NetworkCost, vnet_cost
from napari_bayesseg.networks.planar.frames import (
    decoder_frames,
    encoder_frames,
    rounded_up,
    stored_words,
)
from napari_bayesseg.networks.planar.tensors import WORD_BYTES, Grid
from napari_bayesseg.networks.spec import VNetSpec
from napari_bayesseg.networks.vnet3d import VNetWindows

__all__ = ["planar_cost"]

# The tensors of draws are kept from one to the next, so that only those of the encoder leave gaps.
_HEAP_FACTOR = 1.25


def planar_cost(spec: VNetSpec, windows: VNetWindows, *, paired: bool) -> NetworkCost:
    """Add up the tensors of :class:`PlanarVNet` as it makes them; operations as in the network."""
    frames = decoder_frames(windows, spec.kernel_size)
    kept = draw = 0
    for level, (channels, frame) in enumerate(zip(spec.channels, frames, strict=True)):
        words = stored_words(channels, paired=paired)
        is_bottleneck = level == len(spec.channels) - 1
        kept += Grid(frame).words(words)
        if spec.decoder != "variational" and not is_bottleneck:
            kept += Grid(frame).words(rounded_up(channels))
        if not is_bottleneck:
            draw += 2 * Grid(frame).words(words)
    draw += Grid(frames[0]).words(rounded_up(spec.num_outputs))
    encoder = before = 0
    for frame, channels in zip(
        encoder_frames(windows, spec.kernel_size), spec.channels, strict=True
    ):
        grid = Grid(frame)
        inputs = rounded_up(channels)
        # Input, middle and output of a stage, beside the output of the stage before.
        encoder = max(encoder, before + 3 * grid.words(inputs))
        before = grid.words(inputs)
    operations = vnet_cost(spec, windows)
    return replace(
        operations,
        fixed_bytes=WORD_BYTES * (encoder + kept),
        feature_bytes=WORD_BYTES * kept,
        heap_factor=_HEAP_FACTOR,
        draw_bytes=WORD_BYTES * draw + 4 * spec.num_probabilities * windows.output.roi.size,
    )
