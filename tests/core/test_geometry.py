from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_bayesseg.core.errors import GeometryError, SettingsError
from napari_bayesseg.core.geometry import Geometry, Roi, convert_length, normalise_unit

ROTATION = np.array([[0.0, -2.0, 0.0, 5.0], [3.0, 0.0, 0.0, -1.0], [0, 0, 0.5, 2.0], [0, 0, 0, 1]])


class TestRoi:
    def test_parse_reads_open_ends_as_borders(self) -> None:
        assert Roi.parse("1:4, :5,2:", (6, 7, 8)) == Roi((1, 0, 2), (4, 5, 8))

    @pytest.mark.parametrize("text", ["1:2,3:4", "1-2,3:4,5:6", "a:b,0:1,0:1", "1:1,0:1,0:1", ""])
    def test_parse_refuses_what_is_no_box(self, text: str) -> None:
        with pytest.raises(SettingsError, match="roi"):
            Roi.parse(text, (8, 8, 8))

    @pytest.mark.parametrize("text", ["0:9,0:8,0:8", "-1:4,0:8,0:8"])
    def test_parse_refuses_what_leaves_the_scan(self, text: str) -> None:
        with pytest.raises(SettingsError, match="inside the scan"):
            Roi.parse(text, (8, 8, 8))

    @given(st.tuples(*[st.integers(0, 9)] * 6), st.tuples(*[st.integers(0, 9)] * 6))
    def test_intersection_is_that_of_masks(self, a: tuple[int, ...], b: tuple[int, ...]) -> None:
        first, second = Roi(a[:3], a[3:]), Roi(b[:3], b[3:])
        masks = np.zeros((2, 9, 9, 9), bool)
        masks[0][first.slices] = masks[1][second.slices] = True
        assert first.intersection(second).size == (masks[0] & masks[1]).sum()

    def test_relative_to_counts_from_an_origin(self) -> None:
        assert Roi((4, 5, 6), (7, 8, 9)).relative_to((4, 4, 4)) == Roi((0, 1, 2), (3, 4, 5))


class TestGeometry:
    def test_spacing_and_volume_of_a_rotated_grid(self) -> None:
        geometry = Geometry.from_matrix(ROTATION, "micrometer")
        assert geometry.spacing == pytest.approx((3.0, 2.0, 0.5))
        assert geometry.voxel_volume == pytest.approx(3.0)
        assert not geometry.is_upright

    def test_cropped_keeps_every_voxel_in_its_place(self) -> None:
        geometry = Geometry.from_matrix(ROTATION)
        cropped = geometry.cropped(Roi((2, 3, 4), (5, 6, 7)))
        np.testing.assert_allclose(cropped.matrix @ [1, 1, 1, 1], geometry.matrix @ [3, 4, 5, 1])

    @pytest.mark.parametrize(
        ("matrix", "message"),
        [
            (np.diag([0.0, 1, 1, 1]), "zero"),
            (np.diag([np.nan, 1, 1, 1]), "finite"),
            (np.eye(3), "4 x 4"),
            (np.array([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), "singular"),
            (np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1]]), "last row"),
        ],
    )
    def test_refuses_grids_without_a_place(self, matrix: np.ndarray, message: str) -> None:
        with pytest.raises(GeometryError, match=message):
            Geometry.from_matrix(matrix)

    def test_nanometres_written_in_metres_are_not_singular(self) -> None:
        assert Geometry.from_spacing((1e-9, 1e-9, 1e-9)).voxel_volume == pytest.approx(1e-27)

    def test_negative_scale_is_kept(self) -> None:
        geometry = Geometry.from_spacing((-1.0, 1.0, 1.0))
        assert geometry.matrix[0, 0] == -1.0
        assert geometry.spacing == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("um", "micrometer"), ("\u00b5m", "micrometer"), ("\u03bcm", "micrometer"),
        ("\\u00b5m", "micrometer"), ("micron", "micrometer"), ("MM", "millimeter"),
        ("millimetres", "millimeter"), ("nm", "nanometer"), ("inch", "inch"),
        ("", "pixel"), (None, "pixel"), ("furlong", "pixel"),
    ],
)  # fmt: skip
def test_units_get_their_full_name(written: str | None, name: str) -> None:
    assert normalise_unit(written) == name


def test_lengths_convert_between_units_but_not_to_pixels() -> None:
    assert convert_length(2.0, "millimeter", "micrometer") == pytest.approx(2000.0)
    with pytest.raises(GeometryError, match="pixel"):
        convert_length(1.0, "pixel", "millimeter")
