"""Compiled loops behind :mod:`~napari_bayesseg.numerics.draw_counts`.

One draw at a time, two planes of classes in memory. Cells are worked on in strips of a few rows:
for each class that a strip meets, the corner codes of all its cells are made at once, which
vectorises, and are then counted eight at a time, as most groups of eight lie wholly in the class
or outside.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_bayesseg.numerics.compilation import compiled

__all__ = ["count_draw"]

Line = NDArray[np.float32]
Whole = NDArray[np.int64]
Counts = NDArray[np.uint32]
Codes = NDArray[np.uint8]

# Voxels labelled and cells counted at a time: they stay in the first-level cache.
_LABELLED = 1024
_STRIP_CELLS = 2048
# Up to so many classes, asking which of them a row holds costs more than trying them all.
_FEW_CLASSES = 4
_EMPTY, _FULL = np.uint64(0), np.uint64(0xFFFFFFFFFFFFFFFF)
_ONE = np.uint32(1)
_BIT_0, _BIT_1, _BIT_2, _BIT_3 = np.uint8(1), np.uint8(2), np.uint8(4), np.uint8(8)
_BIT_4, _BIT_5, _BIT_6, _BIT_7 = np.uint8(16), np.uint8(32), np.uint8(64), np.uint8(128)


@compiled
def _label_plane(flat: Line, layout: Whole, offset: int, none: int, line: Any) -> None:
    """Write the first largest class of each voxel of a plane into `line`, `none` for a NaN."""
    num_classes, class_stride = layout
    best = np.empty(_LABELLED, dtype=np.float32)
    leader = np.empty(_LABELLED, dtype=np.int32)
    for start in range(0, line.size, _LABELLED):
        length = min(_LABELLED, line.size - start)
        begin = offset + start
        best[:length] = flat[begin : begin + length]
        leader[:] = 0
        for c in range(1, num_classes):
            begin = offset + c * class_stride + start
            row, this = flat[begin : begin + length], np.int32(c)
            for v in range(length):
                # A NaN replaces any value and is never replaced: nothing is larger than it.
                leader[v] = this if row[v] > best[v] else leader[v]
                best[v] = row[v] if (row[v] > best[v]) | (row[v] != row[v]) else best[v]
        out, nothing = line[start : start + length], np.int32(none)
        for v in range(length):
            out[v] = leader[v] if best[v] == best[v] else nothing


@compiled
def _list_classes(row: Any, none: int, stamp: int, stamps: Whole, present: Whole) -> int:
    """Write the classes of a row into `present`, each once, and return how many there are."""
    count, former = 0, np.int64(none)
    for v in range(row.size):
        c = np.int64(row[v])
        if c != former:
            former = c
            if c != none and stamps[c] != stamp:
                stamps[c] = stamp
                present[count] = c
                count += 1
    return count


@compiled
def _merge_classes(
    lists: Whole, lengths: Whole, rows: Whole, stamp: int, stamps: Whole, present: Whole
) -> int:
    """Join the classes of rows `rows[0]` to `rows[1]` of both planes."""
    count = 0
    for slot in range(2):
        for y in range(rows[0], rows[1]):
            for i in range(lengths[slot, y]):
                c = lists[slot, y, i]
                if stamps[c] != stamp:
                    stamps[c] = stamp
                    present[count] = c
                    count += 1
    return count


@compiled
def _make_codes(near: Any, far: Any, row: int, this: Any, codes: Codes) -> None:
    """Write the corner codes of class `this` for a strip of two planes with rows of `row` voxels.

    The last code of each row belongs to no cell: its upper corners are the next row's first.
    """
    length = codes.size
    a, b = near[:length], near[1 : 1 + length]
    c, d = near[row : row + length], near[row + 1 : row + 1 + length]
    e, f = far[:length], far[1 : 1 + length]
    g, h = far[row : row + length], far[row + 1 : row + 1 + length]
    for x in range(length):
        # Narrow at every step, or the loop would work on a quarter of the voxels at a time.
        low = np.uint8(_BIT_0 * (a[x] == this)) | np.uint8(_BIT_1 * (b[x] == this))
        low |= np.uint8(_BIT_2 * (c[x] == this)) | np.uint8(_BIT_3 * (d[x] == this))
        high = np.uint8(_BIT_4 * (e[x] == this)) | np.uint8(_BIT_5 * (f[x] == this))
        high |= np.uint8(_BIT_6 * (g[x] == this)) | np.uint8(_BIT_7 * (h[x] == this))
        codes[x] = low | high


@compiled
def _count_codes(codes: Codes, words: NDArray[np.uint64], histogram: Counts) -> None:
    """Add corner codes to a histogram of 2 x 256 bins; the bins of no corner are left alone.

    Words take turns between its two halves: an increment that follows another one of the same bin
    would have to wait for it.
    """
    full = 0
    for w in range(words.size):
        word = words[w]
        if word == _EMPTY:
            continue
        if word == _FULL:
            full += 8
            continue
        half = np.uintp(256 * (w & 1))  # unsigned, or each index would be asked for its sign
        for v in range(8 * w, 8 * w + 8):
            histogram[half + np.uintp(codes[v])] += _ONE
    histogram[255] += np.uint32(full)


@compiled
def _count_lone_voxels(row: Any, none: int, voxels: Counts) -> None:
    """Count voxels that are no cell's lowest corner."""
    for x in range(row.size):
        if np.int64(row[x]) != none:
            voxels[row[x]] += _ONE


@compiled
def count_draw(
    flat: Line, layout: Whole, box: Whole, planes: Any, voxels: Counts, configurations: Counts
) -> None:
    """Count one draw.

    Parameters
    ----------
    flat : (C * stride,) float32
        The draw's probabilities as one line.
    layout : (2,) int64
        Number of classes, and the distance between two of them in items.
    box : (6,) int64
        Shape of the evaluated box, then that of the core.
    planes : (2, y * x) uint8 or uint16
        Room for the classes of two planes; must tell C + 1 values apart.
    voxels : (C,) uint32, zero
        Receives the voxels of the core that are no cell's lowest corner.
    configurations : (C, 256) uint32
        Receives the cells by corner code.
    """
    num_classes = layout[0]
    num_planes, num_rows, row, core_z, core_y, core_x = box
    none = num_classes
    cells_z, cells_y = min(core_z, num_planes - 1), min(core_y, num_rows - 1)
    cells_x = min(core_x, row - 1)
    strip_rows = min(max(1, _STRIP_CELLS // row), max(cells_y, 1))
    buffer = np.zeros((strip_rows * row + 7) // 8 * 8, dtype=np.uint8)
    histograms = np.zeros((num_classes, 512), dtype=np.uint32)
    names = np.arange(num_classes).astype(planes.dtype)
    asks = num_classes > _FEW_CLASSES
    lists = np.empty((2, num_rows, min(num_classes, row) if asks else 0), dtype=np.int64)
    lengths = np.zeros((2, num_rows), dtype=np.int64)
    stamps = np.full(num_classes, -1, dtype=np.int64)
    present, rows = np.arange(num_classes), np.zeros(2, dtype=np.int64)
    stamp, count = 0, num_classes
    for z in range(num_planes):
        far = planes[z % 2]
        _label_plane(flat, layout, z * far.size, none, far)
        if asks:
            for y in range(num_rows):
                line, found = far[y * row : (y + 1) * row], lists[z % 2, y]
                stamp += 1
                lengths[z % 2, y] = _list_classes(line, none, stamp, stamps, found)
        for y in range(0, cells_y if 0 < z <= cells_z else 0, strip_rows):
            near = planes[1 - z % 2]
            last = min(y + strip_rows, cells_y)
            if asks:
                stamp += 1
                rows[0], rows[1] = y, last + 1
                count = _merge_classes(lists, lengths, rows, stamp, stamps, present)
            length = (last - y) * row - 1
            codes = buffer[: (length + 8) // 8 * 8]
            codes[length:] = 0
            for i in range(count):
                c = present[i]
                _make_codes(near[y * row :], far[y * row :], row, names[c], codes[:length])
                codes[row - 1 :: row] = 0
                _count_codes(codes, codes.view(np.uint64), histograms[c])
        for y in range(core_y if z < core_z else 0):
            start = cells_x if z < cells_z and y < cells_y else 0
            _count_lone_voxels(far[y * row + start : y * row + core_x], none, voxels)
    configurations[:] = histograms[:, :256] + histograms[:, 256:]
    total = cells_z * cells_y * cells_x
    for c in range(num_classes):
        inside = np.int64(0)
        for code in range(1, 256):
            inside += np.int64(configurations[c, code])
        configurations[c, 0] = np.uint32(total - inside)
