"""Compiled loop over flat planes: the softmax of logits with noise of predicted variance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from napari_bayesseg.numerics.compilation import compiled
from napari_bayesseg.numerics.planar.rows import exponential

__all__ = ["noisy_softmax_rows"]

Line = NDArray[np.float32]
Whole = NDArray[np.int64]


@register_jitable
def _add_softmax(values: Any, largest: Any, total: Any, target: Any, weight: Any) -> None:
    """Add the weighted softmax of ``(C, x)`` to `target`; `values` are overwritten."""
    classes, columns = values.shape
    largest[:] = values[0]
    for c in range(1, classes):
        for x in range(columns):
            largest[x] = values[c, x] if values[c, x] > largest[x] else largest[x]
    total[:] = 0.0
    for c in range(classes):
        for x in range(columns):
            values[c, x] = exponential(values[c, x] - largest[x])
            total[x] += values[c, x]
    for c in range(classes):
        for x in range(columns):
            target[c, x] += weight * (values[c, x] / total[x])


@compiled
def noisy_softmax_rows(
    outputs: Line, nodes: Line, limits: Line, begin: Whole, pitch: int, out: Line
) -> None:
    """Average the softmax of ``logit + sigma * node`` over the nodes.

    Parameters
    ----------
    outputs : (C + variances, planes, positions)
        Logits and after them logarithms of variances: one for each logit, or one in all.
    nodes : (M, C)
        Of the noise.
    limits : (2,)
        The logarithms are clipped to this range.
    begin : (plane, position)
        Of the first voxel.
    pitch : int
    out : (C, z, y, x)
    """
    classes, planes, rows, columns = out.shape
    variances = outputs.shape[0] - classes
    sigma = np.empty((variances, columns), np.float32)
    values = np.empty((classes, columns), np.float32)
    target = np.empty((classes, columns), np.float32)
    largest, total = np.empty(columns, np.float32), np.empty(columns, np.float32)
    weight, half = np.float32(1.0 / len(nodes)), np.float32(0.5)
    for z in range(planes):
        for y in range(rows):
            start = begin[1] + y * pitch
            for v in range(variances):
                logs = outputs[classes + v, begin[0] + z, start : start + columns]
                for x in range(columns):
                    log = min(max(logs[x], limits[0]), limits[1])
                    # The exponential is one of numbers up to 0.
                    sigma[v, x] = np.float32(1.0) / exponential(-half * abs(log))
                    if log < 0.0:
                        sigma[v, x] = np.float32(1.0) / sigma[v, x]
            target[:] = 0.0
            for m in range(len(nodes)):
                for c in range(classes):
                    row = outputs[c, begin[0] + z, start : start + columns]
                    scale = sigma[c if variances > 1 else 0]
                    for x in range(columns):
                        values[c, x] = row[x] + scale[x] * nodes[m, c]
                _add_softmax(values, largest, total, target, weight)
            for c in range(classes):
                out[c, z, y] = target[c]
