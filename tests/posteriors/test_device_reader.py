from __future__ import annotations

from threading import current_thread, main_thread

import numpy as np
import pytest
import torch

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.posteriors.device_reader import DeviceReader

BOXES = [Roi((n, 0, 0), (n + 1, 2, 3)) for n in range(3)]


def test_two_boxes_are_read_ahead_in_a_thread_of_their_own() -> None:
    readers: list[tuple[Roi, bool]] = []

    def read(roi: Roi) -> np.ndarray:
        readers.append((roi, current_thread() is main_thread()))
        return np.full(roi.shape, roi.start[0], np.float32)

    reader = DeviceReader(read, torch.device("cpu"))
    for box in BOXES:
        reader.prefetch(box)
    assert [reader.take(box)[0, 0, 0].item() for box in (BOXES[2], BOXES[1], BOXES[0])] == [2, 1, 0]
    # The first was given up for the third, and had to be read again.
    assert [box for box, is_here in readers if is_here] == [BOXES[0]]
    assert {box for box, is_here in readers if not is_here} >= {*BOXES[1:]}


def test_an_error_while_reading_ahead_surfaces_where_the_box_is_needed() -> None:
    def broken(roi: Roi) -> np.ndarray:
        raise OSError("the disk is gone")

    reader = DeviceReader(broken, torch.device("cpu"))
    reader.prefetch(BOXES[0])
    with pytest.raises(OSError, match="the disk is gone"):
        reader.take(BOXES[0])


@pytest.mark.gpu
def test_boxes_arrive_on_the_card() -> None:
    values = {
        box: np.random.default_rng(n).random((64, 64, 64), np.float32)
        for n, box in enumerate(BOXES)
    }
    reader = DeviceReader(values.__getitem__, torch.device("cuda"))
    for box in BOXES[:2]:
        reader.prefetch(box)
    for box in BOXES:
        arrived = reader.take(box)
        assert arrived.device.type == "cuda"
        np.testing.assert_array_equal(arrived.cpu().numpy(), values[box])
