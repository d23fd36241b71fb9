from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_bayesseg.core.errors import SettingsError, StoreError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.review.labels.voxels import VoxelChange, VoxelSet, voxel_change_from_indices

MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, max_side=7))


def box_of(mask: np.ndarray, start: tuple[int, int, int] = (0, 0, 0)) -> Roi:
    return Roi(start, tuple(a + n for a, n in zip(start, mask.shape, strict=True)))


def change_of(mask: np.ndarray, start=(0, 0, 0), seed: int = 0, dtype="u1") -> VoxelChange:
    rng = np.random.default_rng(seed)
    count = int(mask.sum())
    old, new = (rng.integers(0, 4, count).astype(dtype) for _ in range(2))
    return VoxelChange(VoxelSet.from_mask(box_of(mask, start), mask), old, new)


@settings(deadline=None)
@given(mask=MASKS, data=st.data())
def test_a_set_is_its_mask(mask: np.ndarray, data: st.DataObject) -> None:
    voxels = VoxelSet.from_mask(box_of(mask, (3, 0, 5)), mask)
    np.testing.assert_array_equal(voxels.mask(), mask)
    assert voxels.count == mask.sum()
    assert len(voxels.bits) == -(-mask.size // 8)
    low = data.draw(st.integers(0, mask.shape[0] - 1))
    high = data.draw(st.integers(low + 1, mask.shape[0]))
    planes, before = voxels.planes(low, high)
    np.testing.assert_array_equal(planes, mask[low:high])
    assert before == mask[:low].sum()


@settings(deadline=None)
@given(mask=MASKS, corner=st.tuples(*[st.integers(-3, 6)] * 3), size=st.integers(1, 6))
def test_an_intersection_is_that_of_the_masks(mask, corner, size) -> None:
    other = Roi(corner, tuple(c + size for c in corner))
    found = VoxelSet.from_mask(box_of(mask), mask).intersection(other)
    whole = np.zeros((20, 20, 20), bool)
    whole[5 : 5 + mask.shape[0], 5 : 5 + mask.shape[1], 5 : 5 + mask.shape[2]] = mask
    inside = np.zeros_like(whole)
    inside[tuple(slice(c + 5, c + 5 + size) for c in corner)] = True
    assert found.count == (whole & inside).sum()
    if found.count:
        part = tuple(slice(s.start + 5, s.stop + 5) for s in found.box.slices)
        np.testing.assert_array_equal(found.mask(), (whole & inside)[part])


def test_a_union_holds_every_voxel_once() -> None:
    whole = np.random.default_rng(0).random((4, 9, 8)) > 0.6
    parts = [
        VoxelSet.from_mask(box, whole[box.slices])
        for box in (Roi((0, 0, 0), (2, 9, 5)), Roi((1, 3, 2), (4, 9, 8)), Roi((0, 0, 0), (0, 0, 0)))
    ]
    union = VoxelSet.union(parts)
    expected = np.zeros_like(whole)
    for part in parts:
        expected[part.box.slices] |= part.mask()
    assert union.box == Roi((0, 0, 0), (4, 9, 8))
    np.testing.assert_array_equal(union.mask(), expected)
    assert VoxelSet.union([]).count == 0
    assert VoxelSet.union(parts[:1]) is parts[0]


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"its shape \(1, 2, 3\); got \(3, 2, 1\)"):
        VoxelSet.from_mask(Roi((0, 0, 0), (1, 2, 3)), np.zeros((3, 2, 1), bool))


@settings(deadline=None)
@given(mask=MASKS, dtype=st.sampled_from(["u1", "u2", "i4", ">u2"]), seed=st.integers(0, 9))
def test_bytes_give_the_change_back(mask: np.ndarray, dtype: str, seed: int) -> None:
    change = change_of(mask, (1, 2, 70_000), seed, dtype)
    again = VoxelChange.from_bytes(change.to_bytes())
    assert again.voxels == change.voxels
    assert again.box == box_of(mask, (1, 2, 70_000))
    assert again.new.dtype == change.new.dtype.newbyteorder("=")
    np.testing.assert_array_equal(again.old, change.old)
    np.testing.assert_array_equal(again.new, change.new)
    assert again.count == mask.sum()


def test_labels_can_not_be_changed_and_equal_ones_take_one_number() -> None:
    change = change_of(np.ones((2, 3, 4), bool))
    with pytest.raises(ValueError, match="read-only"):
        change.new[0] = 1
    same = np.full(24, 7, np.uint16)
    even = VoxelChange(change.voxels, same, same)
    same[:] = 0
    assert even.new.tolist() == [7] * 24
    assert even.new.strides == (0,)


def test_a_change_must_fit_its_voxels() -> None:
    voxels = VoxelSet.from_mask(Roi((0, 0, 0), (1, 1, 3)), np.array([[[True, False, True]]]))
    with pytest.raises(SettingsError, match="2 voxels needs as many labels"):
        VoxelChange(voxels, np.zeros(3, "u1"), np.zeros(3, "u1"))
    with pytest.raises(SettingsError, match="integers of one type; got uint8 and uint16"):
        VoxelChange(voxels, np.zeros(2, "u1"), np.zeros(2, "u2"))
    with pytest.raises(SettingsError, match="integers of one type"):
        VoxelChange(voxels, np.zeros(2), np.zeros(2))


def damaged(content: bytes) -> list[bytes]:
    head = len(content) - len(content[40:])
    other = zlib.compress(b"\0" * 5)
    return [
        b"",
        b"NBVC",
        b"XXXX" + content[4:],
        content[:-3],
        content[:40],
        content[:5] + b"f8\0" + content[8:],
        content[:5] + b"\xff\xff\xff" + content[8:],
        content[:head] + other,
        content[:8] + b"\xff" * 24 + content[32:],
        content[:32] + b"\xff" * 8 + content[40:],
    ]


@pytest.mark.parametrize("n", range(10))
def test_damaged_bytes_are_refused_in_one_line(n: int) -> None:
    content = damaged(change_of(np.ones((2, 3, 4), bool)).to_bytes())[n]
    with pytest.raises(StoreError, match=r"^a change of labels is damaged \(.*\)$"):
        VoxelChange.from_bytes(content)


def test_a_newer_version_is_refused_by_name() -> None:
    content = change_of(np.ones((1, 1, 1), bool)).to_bytes()
    with pytest.raises(StoreError, match="format 2, but this version reads 1: update"):
        VoxelChange.from_bytes(content[:4] + b"\x02" + content[5:])


@settings(deadline=None)
@given(
    places=st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=30),
    seed=st.integers(0, 9),
)
def test_strokes_become_changes_voxel_by_voxel(places: list[tuple[int, int, int]], seed) -> None:
    rng = np.random.default_rng(seed)
    old, new = rng.integers(0, 5, len(places)), rng.integers(0, 5, len(places))
    first: dict[tuple[int, int, int], int] = {}
    last: dict[tuple[int, int, int], int] = {}
    for place, before, after in zip(places, old.tolist(), new.tolist(), strict=True):
        first.setdefault(place, before)
        last[place] = after
    indices = tuple(np.array([place[axis] for place in places], int) for axis in range(3))
    change = voxel_change_from_indices(indices, old, new)
    assert change.count == len(last)
    if places:
        inside = np.argwhere(change.voxels.mask()) + change.box.start
        assert [tuple(place) for place in inside.tolist()] == sorted(last)
        assert change.new.tolist() == [last[place] for place in sorted(last)]
        assert change.old.tolist() == [first[place] for place in sorted(last)]
        assert change.box.start == tuple(np.min(places, 0).tolist())
        assert change.box.stop == tuple((np.max(places, 0) + 1).tolist())


def test_one_label_may_stand_for_all() -> None:
    change = voxel_change_from_indices(([1, 2], [0, 0], [5, 4]), np.uint8(2), np.uint8(3))
    assert (change.old.tolist(), change.new.tolist()) == ([2, 2], [3, 3])
    assert change.new.dtype == np.uint8


@settings(deadline=None)
@given(mask=MASKS, corner=st.tuples(*[st.integers(0, 6)] * 3), size=st.integers(1, 7))
def test_a_change_is_applied_to_the_part_that_an_array_holds(mask, corner, size) -> None:
    change = change_of(mask, (1, 1, 1), seed=3)
    whole = np.full((16, 16, 16), 9, np.uint8)
    piece = Roi(corner, tuple(c + size for c in corner))
    part = whole[piece.slices].copy()
    whole[change.box.slices][mask] = change.new
    change.apply_to(part, piece)
    np.testing.assert_array_equal(part, whole[piece.slices])
