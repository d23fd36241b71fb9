"""The deterministic part of a V-Net, in single precision, once a block."""

from __future__ import annotations

import numpy as np

from napari_bayesseg.networks.planar.frames import (
    PlanarFeatures,
    decoder_frames,
    encoder_frames,
    halves,
    rounded_up,
    stored_words,
)
from napari_bayesseg.networks.planar.layers import Input, Planes, convolve
from napari_bayesseg.networks.planar.tensors import Grid, Singles, Words
from napari_bayesseg.networks.planar.weights import PlanarWeights
from napari_bayesseg.networks.spec import VNetSpec
from napari_bayesseg.networks.vnet3d import VNetWindows
from napari_bayesseg.networks.window import Window, needed_by_convolution
from napari_bayesseg.numerics.planar.rows import pool_maximum, transform_rows
from napari_bayesseg.numerics.planar.tile import CHANNELS

__all__ = ["PlanarEncoder"]


class PlanarEncoder:
    """Runs the encoder and what of the decoder is the same in all draws.

    Parameters
    ----------
    spec : VNetSpec
    weights : PlanarWeights
    paired : bool
        Whether the decoder takes pairs of bfloat16 channels.
    """

    def __init__(self, spec: VNetSpec, weights: PlanarWeights, *, paired: bool) -> None:
        self._spec = spec
        self._weights = weights
        self._paired = paired

    def encode(self, image: Singles, windows: VNetWindows, planes: Planes) -> PlanarFeatures:
        """Run the deterministic part on ``windows.read`` of the normalised scan, ``(z, y, x)``."""
        kernel = self._spec.kernel_size
        grids = [Grid(frame) for frame in decoder_frames(windows, kernel)]
        encoder_grids = [Grid(frame) for frame in encoder_frames(windows, kernel)]
        skips: list[Words] = []
        encoded: Words | None = None
        for level, (need, grid) in enumerate(zip(windows.encoder, encoder_grids, strict=True)):
            first = needed_by_convolution(need, kernel)
            inner = needed_by_convolution(first, kernel)
            if encoded is None:
                source = grid.empty(self._spec.in_channels)
                grid.box(source, inner.roi)[...] = image
            else:
                source = self._pooled(encoded, encoder_grids[level - 1], grid, inner)
            grid.clear_outside(source, grid.frame, inner.roi)
            encoded = self._encoder_stage(level, grid, source, need, first, planes)
            skips.append(self._kept(level, grid, encoded, grids[level], windows))
        partials = tuple(
            self._partial(level, grids[level], skips[level], windows, planes)
            for level in range(len(windows.decoder))
        )
        return PlanarFeatures(windows, tuple(grids), tuple(skips), partials)

    def _encoder_stage(
        self, level: int, grid: Grid, source: Words, need: Window, first: Window, planes: Planes
    ) -> Words:
        kernel, channels = self._spec.kernel_size, self._spec.channels[level]
        middle = grid.empty(rounded_up(channels))
        one, two = self._weights.encoder[level]
        convolve(
            grid,
            [Input(source, one.weights)],
            middle,
            first.roi,
            kernel,
            one.epilogue,
            planes=planes,
        )
        grid.clear_outside(middle, need.roi.grown(halves(kernel)), first.roi)
        encoded = grid.empty(rounded_up(channels))
        convolve(
            grid,
            [Input(middle, two.weights)],
            encoded,
            need.roi,
            kernel,
            two.epilogue,
            planes=planes,
        )
        return encoded[:channels]

    def _pooled(self, fine: Words, fine_grid: Grid, grid: Grid, need: Window) -> Words:
        target = grid.empty(len(fine))
        pool_maximum(
            fine.view(np.float32),
            target.view(np.float32),
            np.array(need.shape),
            np.array(self._spec.pooling),
            np.array(
                [
                    *fine_grid.plane_and_position(need.finer(self._spec.pooling).roi.start),
                    *grid.plane_and_position(need.roi.start),
                ]
            ),
            np.array([fine_grid.pitch, grid.pitch]),
        )
        return target

    def _kept(
        self, level: int, grid: Grid, encoded: Words, kept_grid: Grid, windows: VNetWindows
    ) -> Words:
        """Copy what the decoder needs of an encoder tensor, normalised, as its numbers."""
        is_bottleneck = level == len(windows.skip)
        need = windows.encoder[level] if is_bottleneck else windows.skip[level]
        identity = np.tile(np.array([1.0, 0.0], np.float32), (len(encoded), 1))
        kept = kept_grid.empty(stored_words(len(encoded), paired=self._paired))
        transform_rows(
            encoded.view(np.float32),
            kept,
            np.array(need.shape),
            np.array(
                [
                    *grid.plane_and_position(need.roi.start),
                    *kept_grid.plane_and_position(need.roi.start),
                ]
            ),
            np.array([grid.pitch, kept_grid.pitch]),
            identity if is_bottleneck else self._weights.epilogues[level].skip,
            self._paired,
        )
        if is_bottleneck:
            outer = kept_grid.frame
        else:
            middle = needed_by_convolution(windows.decoder[level], self._spec.kernel_size)
            outer = middle.roi.grown(halves(self._spec.kernel_size))
        kept_grid.clear_outside(kept, outer, need.roi)
        return kept

    def _partial(
        self, level: int, grid: Grid, skip: Words, windows: VNetWindows, planes: Planes
    ) -> Words | None:
        """Sum the merging convolution over the skip connection where all draws share that."""
        if self._weights.fixed is None:
            return None
        kernel, channels = self._spec.kernel_size, self._spec.channels[level]
        middle = needed_by_convolution(windows.decoder[level], kernel)
        epilogue = np.tile(
            np.array([0.0, 1.0, 0.0], np.float32), (rounded_up(channels) // CHANNELS, CHANNELS)
        )
        sums = grid.empty(rounded_up(channels))
        convolve(
            grid,
            [Input(skip, self._weights.fixed.stages[level].first_skip)],
            sums,
            middle.roi,
            kernel,
            epilogue,
            lowest=-np.inf,
            paired=(self._paired, False),
            planes=planes,
        )
        return sums
