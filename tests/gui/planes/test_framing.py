from __future__ import annotations

import numpy as np
import pytest

from napari_bayesseg.gui.planes.cross_hair import cross_lines
from napari_bayesseg.gui.planes.framing import Frame, frame_of, plane_in
from napari_bayesseg.gui.planes.orthogonal import other_planes

SHAPE = (40, 100, 200)
COMMON = {"centre": np.array([0.0, 50.0, 80.0]), "shape": SHAPE, "size": (120, 300)}


def test_the_other_planes_show_the_hidden_axis_downwards() -> None:
    assert other_planes((1, 2)) == ((1, 0, 2), (2, 0, 1))
    assert other_planes((0, 2)) == ((0, 1, 2), (2, 1, 0))
    assert other_planes((0, 1, 2)) == other_planes((1, 2))


def frame(z: int, scales: tuple[float, float, float], **more: float) -> tuple[Frame, float]:
    position = np.array([z, 55, 85])
    return frame_of((1, 0, 2), (1, 2), position=position, scales=np.array(scales), **COMMON, **more)


def test_the_axis_in_common_is_centred_as_the_canvas_is() -> None:
    found, _ = frame(20, (6.0, 3.0, 3.0))
    assert found.centre[1] == 80.0
    assert found.scale == (6.0, 3.0)


def test_what_fits_is_shown_whole() -> None:
    assert frame(3, (2.0, 1.0, 1.0))[0].centre[0] == pytest.approx(19.5)


def test_the_picture_rests_until_the_place_nears_the_edge() -> None:
    scales = (10.0, 5.0, 5.0)
    assert frame(20, scales)[1] == 20
    assert frame(22, scales, former=20.0)[1] == 20
    assert frame(30, scales, former=20.0)[1] == 30
    assert frame(30, scales, former=20.0, held=20.0)[1] == 20


def test_a_plane_covers_the_view_and_no_more() -> None:
    plane = plane_in(Frame((20.0, 80.0), (10.0, 5.0)), SHAPE, (1, 0, 2), 55, (120, 300))
    assert plane is not None
    assert (plane.top, plane.bottom) == (14, 27)  # 13 voxels reach into 120 pixels of 10
    assert (plane.left, plane.right) == (50, 111)
    assert (plane.index, plane.step) == (55, 1)
    small = plane_in(Frame((20.0, 80.0), (0.4, 0.4)), SHAPE, (1, 0, 2), 55, (120, 300))
    assert small is not None
    assert (small.top, small.bottom, small.step) == (0, 40, 2)
    assert plane_in(Frame((20.0, 900.0), (10.0, 5.0)), SHAPE, (1, 0, 2), 55, (120, 300)) is None


def test_the_cross_ends_at_the_border_and_leaves_its_middle_free() -> None:
    lines = cross_lines((5, 6, 7), (10, 20, 30), np.array([1.0, 2.0, 3.0]))
    ends = np.concatenate([lines[:, 0], lines[:, 0] + lines[:, 1]])
    assert ends.min(axis=0).tolist() == [0, 0, 0]
    assert ends.max(axis=0).tolist() == [9, 19, 29]
    z_lines = lines[:2]
    assert z_lines[0, 0].tolist() == [0, 6, 7]
    assert (z_lines[0, 0] + z_lines[0, 1]).tolist() == [4, 6, 7]
    assert z_lines[1, 0].tolist() == [6, 6, 7]
    at_border = cross_lines((0, 6, 7), (10, 20, 30), np.array([3.0, 2.0, 3.0]))
    assert at_border[0, 1].tolist() == [0, 0, 0]
