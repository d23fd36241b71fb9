"""The random part of a V-Net, once a draw, on one thread."""

from __future__ import annotations

from collections import deque

import numpy as np

from napari_bayesseg.core.geometry import Index3
from napari_bayesseg.networks.planar.frames import (
    PlanarFeatures,
    consumed_frame,
    halves,
    rounded_up,
    stored_words,
)
from napari_bayesseg.networks.planar.layers import Input, convolve, upsample_convolve
from napari_bayesseg.networks.planar.tensors import Grid, Singles, Words
from napari_bayesseg.networks.planar.weights import DrawWeights, PlanarWeights
from napari_bayesseg.networks.spec import VNetSpec
from napari_bayesseg.networks.window import needed_by_convolution
from napari_bayesseg.numerics.logit_noise import LOG_VARIANCE_RANGE, noise_nodes
from napari_bayesseg.numerics.planar.noisy_rows import noisy_softmax_rows
from napari_bayesseg.numerics.planar.rows import softmax_rows

__all__ = ["PlanarDecoder"]

_POINT: Index3 = (1, 1, 1)


class _Workspace:
    """Tensors of one draw at a time, kept from one draw to the next."""

    def __init__(self) -> None:
        self._lines: dict[tuple[int, str], Words] = {}

    def tensor(self, grid: Grid, channels: int, level: int, name: str) -> Words:
        size = grid.words(channels)
        line = self._lines.get((level, name))
        if line is None or line.size < size:
            line = self._lines[level, name] = np.empty(size, np.uint32)
        return grid.shaped(line, channels)


class PlanarDecoder:
    """Runs the decoder with the weights of one draw; several threads may at a time.

    Parameters
    ----------
    spec : VNetSpec
    weights : PlanarWeights
        For what is the same in all draws.
    paired : bool
        Whether bfloat16 numbers are multiplied; sums are single precision.
    """

    def __init__(self, spec: VNetSpec, weights: PlanarWeights, *, paired: bool) -> None:
        self._spec = spec
        self._weights = weights
        self._paired = paired
        # As many as there were draws at a time; taking and giving back is safe in threads.
        self._workspaces: deque[_Workspace] = deque()

    def decode(self, features: PlanarFeatures, draw: DrawWeights, out: Singles) -> None:
        """Write the probabilities of one draw to `out`, ``(C, z, y, x)`` of the output box."""
        try:
            workspace = self._workspaces.pop()
        except IndexError:
            workspace = _Workspace()
        below = features.skips[-1]
        for level in reversed(range(len(features.windows.decoder))):
            below = self._stage(level, below, features, draw, workspace)
        self._head(below, features, draw, workspace, out)
        self._workspaces.append(workspace)

    def _stage(
        self,
        level: int,
        below: Words,
        features: PlanarFeatures,
        draw: DrawWeights,
        workspace: _Workspace,
    ) -> Words:
        """Compute a level from the coarser one and the skip connection."""
        kernel, windows, grid = self._spec.kernel_size, features.windows, features.grids[level]
        need, skip, reach = windows.decoder[level], windows.skip[level], halves(kernel)
        middle = needed_by_convolution(need, kernel)
        weights, epilogues = draw.stages[level], self._weights.epilogues[level]
        pairs = (self._paired, self._paired)
        channels = stored_words(self._spec.channels[level], paired=self._paired)
        up = workspace.tensor(grid, channels, level, "up")
        upsample_convolve(
            features.grids[level + 1],
            below,
            weights.up,
            grid,
            up,
            skip.roi,
            self._spec.pooling,
            epilogues.up,
            paired=self._paired,
        )
        grid.clear_outside(up, middle.roi.grown(reach), skip.roi)
        partial = features.partials[level]
        inputs = [Input(up, weights.first_up)]
        if partial is None:
            inputs.insert(0, Input(features.skips[level], weights.first_skip))
        merged = workspace.tensor(grid, channels, level, "merged")
        convolve(
            grid, inputs, merged, middle.roi, kernel, epilogues.first, paired=pairs, partial=partial
        )
        grid.clear_outside(merged, need.roi.grown(reach), middle.roi)
        inputs = [Input(merged, weights.second)]
        convolve(grid, inputs, up, need.roi, kernel, epilogues.second, paired=pairs)
        grid.clear_outside(up, consumed_frame(windows, level, kernel), need.roi)
        return up

    def _head(
        self,
        below: Words,
        features: PlanarFeatures,
        draw: DrawWeights,
        workspace: _Workspace,
        out: Singles,
    ) -> None:
        """Compute the probabilities from the finest level."""
        spec, grid, output = self._spec, features.grids[0], features.windows.output.roi
        width = 1 if spec.head == "reference" else spec.channels[0]
        words = stored_words(width, paired=self._paired)
        rectified = workspace.tensor(grid, words, 0, "merged")
        inputs, epilogue = [Input(below, draw.head)], self._weights.head
        pairs = (self._paired, self._paired)
        convolve(grid, inputs, rectified, output, spec.kernel_size, epilogue, paired=pairs)
        outputs = workspace.tensor(grid, rounded_up(spec.num_outputs), 0, "outputs")
        inputs, epilogue = [Input(rectified, draw.classifier)], self._weights.classifier
        convolve(
            grid,
            inputs,
            outputs,
            output,
            _POINT,
            epilogue,
            lowest=-np.inf,
            paired=(self._paired, False),
        )
        begin = np.array(grid.plane_and_position(output.start))
        values = outputs[: spec.num_outputs].view(np.float32)
        if spec.noise == "none":
            softmax_rows(values, begin, grid.pitch, out)
            return
        nodes, limits = noise_nodes(spec.num_classes), np.array(LOG_VARIANCE_RANGE, np.float32)
        noisy_softmax_rows(values, nodes, limits, begin, grid.pitch, out)
