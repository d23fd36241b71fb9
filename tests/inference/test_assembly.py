from __future__ import annotations

import numpy as np

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.inference.assembly import Assembly
from napari_bayesseg.inference.block import BlockResult
from napari_bayesseg.numerics.draw_counts import DrawCounts

CORE = Roi((2, 4, 6), (6, 9, 13))
PARTS = [Roi((2, 4, 6), (4, 9, 13)), Roi((4, 4, 6), (6, 9, 10)), Roi((4, 4, 10), (6, 9, 13))]


def result(roi: Roi, numbers: np.ndarray, counted: int) -> BlockResult:
    box = numbers[roi.relative_to(CORE.start).slices]
    counts = DrawCounts(
        np.full((2, 3), counted, np.uint32), np.full((2, 3, 256), 2 * counted, np.uint32)
    )
    mean = np.stack([box, box + 1, box + 2]).astype(np.float32)
    return BlockResult(box.astype(np.uint8), mean, {"m": -box.astype(np.float32)}, counts)


def test_parts_make_the_block_in_any_order() -> None:
    numbers = np.arange(CORE.size).reshape(CORE.shape)
    expected = result(CORE, numbers, 6)
    for order in ((0, 1, 2), (2, 0, 1)):
        whole = Assembly(CORE)
        for index in order:
            whole.add(PARTS[index], result(PARTS[index], numbers, index + 1))
        found = whole.result()
        for name, values in expected.arrays.items():
            np.testing.assert_array_equal(found.arrays[name], values)
            assert found.arrays[name].dtype == values.dtype
        np.testing.assert_array_equal(found.counts.voxels, expected.counts.voxels)
        np.testing.assert_array_equal(found.counts.configurations, expected.counts.configurations)
        assert found.counts.voxels.dtype == np.uint32  # as of a block that was never cut
