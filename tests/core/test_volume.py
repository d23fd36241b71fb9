from __future__ import annotations

import numpy as np
import pytest

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import Volume


def test_a_plane_becomes_a_volume_of_one_slice() -> None:
    assert Volume.from_array(np.zeros((4, 5), np.uint8)).shape == (1, 4, 5)


def test_big_endian_and_reversed_arrays_are_read_in_native_order() -> None:
    array = np.arange(24, dtype=">u2").reshape(2, 3, 4)[:, ::-1]
    volume = Volume.from_array(array)
    piece = volume.read(Roi((0, 0, 0), (2, 2, 4)))
    assert piece.dtype == np.uint16
    assert piece.dtype.isnative
    np.testing.assert_array_equal(piece, array[:, :2])


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 2, 2), complex), np.zeros((2, 0, 2)), np.zeros((2, 2, 2, 2)), np.zeros(3)],
)
def test_what_is_no_scan_is_refused(array: np.ndarray) -> None:
    with pytest.raises(FormatError, match="scan must"):
        Volume.from_array(array)
