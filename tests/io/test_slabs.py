from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import FormatError
from napari_bayesseg.io import slabs
from napari_bayesseg.io.slabs import digest, fitting_dtype, iterate_slabs

VALUES = np.arange(2 * 7 * 3 * 4).reshape(2, 7, 3, 4)


@pytest.mark.parametrize("room", [1, 200, 10**6])
@pytest.mark.parametrize("shape", [(2, 7, 3, 4), (14, 3, 4), (42, 4)])
def test_slabs_are_the_array_in_c_order(monkeypatch, room, shape):
    monkeypatch.setattr(slabs, "_SLAB_BYTES", room)
    pieces = list(iterate_slabs(VALUES.reshape(shape)))
    assert all(piece.ndim == 3 and piece.flags.c_contiguous for piece in pieces)
    np.testing.assert_array_equal(np.concatenate([p.ravel() for p in pieces]), VALUES.ravel())
    assert len(pieces) == 1 or max(p.nbytes for p in pieces) <= max(
        room, 96 if len(shape) > 2 else 1400
    )


def test_the_digest_depends_on_values_not_on_layout():
    assert digest(VALUES) == digest(VALUES.reshape(14, 3, 4)) == digest(VALUES.astype(">i8"))
    assert digest(VALUES) == digest(np.asfortranarray(VALUES))
    assert digest(VALUES) != digest(VALUES + 1)


def test_the_type_itself_is_kept_where_allowed():
    allowed = ("uint8", "int32", "float32")
    for name in allowed:
        array = np.zeros((1, 1, 1), name)
        assert fitting_dtype(Path("a"), array, allowed, target="x", remedy="y") == name


def test_what_fits_nowhere_is_refused():
    with pytest.raises(FormatError, match=r"^a.tif: x can store uint8; .*: y$"):
        fitting_dtype(Path("a.tif"), np.array([[[-1]]]), ("uint8",), target="x", remedy="y")
