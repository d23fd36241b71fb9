"""The fused counts against plain NumPy, known bodies, scikit-image, and any partition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from skimage.measure import euler_number

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.draw_counts import DrawCounts, count_draws, warm_up

CODES = np.arange(256)
CORNERS = np.array(list(itertools.product((0, 1), repeat=3)))  # (dz, dy, dx) of bit 0 to 7


@pytest.fixture(scope="module", autouse=True)
def compiled_kernel():
    warm_up()


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def random_draws(rng, shape, share_of_nan=0.0):
    probs = rng.random(shape, dtype=np.float32)
    probs[rng.random(shape) < share_of_nan] = np.nan
    return probs


def of_mask(mask):
    """Softmax draws of two classes of which class 1 is the mask."""
    return np.stack([~mask, mask]).astype(np.float32)[None]


def counted_plainly(probs, core):
    has_number = ~np.isnan(probs).any(axis=1)
    labels = np.where(has_number, probs.argmax(axis=1), -1)
    num_draws, num_classes = probs.shape[:2]
    voxels = np.zeros((num_draws, num_classes), np.int64)
    configurations = np.zeros((num_draws, num_classes, 256), np.int64)
    cells = [min(a, b - 1) for a, b in zip(core, probs.shape[2:], strict=True)]
    for t, c in itertools.product(range(num_draws), range(num_classes)):
        mask = labels[t] == c
        voxels[t, c] = mask[tuple(map(slice, core))].sum()
        codes = np.zeros(cells, np.int64)
        for bit, (dz, dy, dx) in enumerate(CORNERS):
            corner = mask[dz : dz + cells[0], dy : dy + cells[1], dx : dx + cells[2]]
            codes += corner.astype(np.int64) << bit
        configurations[t, c] = np.bincount(codes.ravel(), minlength=256)
    return voxels, configurations


def assert_equal(counts, voxels, configurations):
    np.testing.assert_array_equal(counts.voxels, voxels)
    np.testing.assert_array_equal(counts.configurations, configurations)


BOXES = [
    ((6, 7, 20), (5, 6, 19)),
    ((6, 7, 20), (6, 7, 20)),
    ((6, 7, 20), (5, 7, 20)),
    ((1, 5, 9), (1, 4, 9)),
    ((3, 1, 9), (2, 1, 8)),
    ((5, 6, 1), (4, 5, 1)),
    ((1, 1, 1), (1, 1, 1)),
    ((2, 2, 2), (1, 1, 1)),
    ((3, 150, 33), (2, 149, 32)),  # several strips of rows
    ((2, 3, 4200), (1, 2, 4199)),  # a row longer than a strip
]


@pytest.mark.parametrize(
    ("box", "core", "num_classes"),
    [(*boxes, c) for boxes in BOXES for c in (2, 3, 4, 5, 7)]
    + [(*boxes, c) for boxes in BOXES[:8] for c in (255, 256, 300)],
)
def test_equals_plain_numpy(rng, box, core, num_classes):
    probs = random_draws(rng, (2, num_classes, *box), share_of_nan=0.1 / num_classes)
    counts = count_draws(probs, core)
    assert_equal(counts, *counted_plainly(probs, core))
    assert counts.voxels.dtype == counts.configurations.dtype == np.uint32
    assert counts.voxels.shape == (2, num_classes)
    assert counts.configurations.shape == (2, num_classes, 256)


def smooth_draws(rng, shape):
    """Draws in which most cells lie within one class, as in a segmentation."""
    coarse = rng.random((*shape[:2], *(-(-n // 5) for n in shape[2:])), dtype=np.float32)
    fine = coarse.repeat(5, 2).repeat(5, 3).repeat(5, 4)
    return np.ascontiguousarray(fine[..., : shape[2], : shape[3], : shape[4]])


@pytest.mark.parametrize("num_classes", [3, 40])
def test_large_uniform_parts_are_counted_too(rng, num_classes):
    probs = smooth_draws(rng, (2, num_classes, 12, 30, 41))
    assert_equal(count_draws(probs, (11, 29, 40)), *counted_plainly(probs, (11, 29, 40)))


def test_ties_go_to_the_first_class_and_nan_to_none():
    values = [[0.4, 0.4, 0.2], [0.2, 0.4, 0.4], [np.nan, 0.1, 0.2], [0.9, 0.1, np.nan]]
    probs = np.array(values, np.float32).T.reshape(1, 3, 1, 1, 4)
    assert count_draws(probs, (1, 1, 4)).voxels.tolist() == [[1, 1, 0]]


def test_the_corner_code_is_that_of_the_contract():
    for bit, corner in enumerate(CORNERS):
        mask = np.zeros((2, 2, 2), bool)
        mask[tuple(corner)] = True
        counts = count_draws(of_mask(mask), (1, 1, 1))
        assert np.flatnonzero(counts.configurations[0, 1]).tolist() == [1 << bit]
        assert np.flatnonzero(counts.configurations[0, 0]).tolist() == [255 - (1 << bit)]


def adjacent(distance):
    """Pairs of corners that differ in `distance` axes."""
    differences = np.abs(CORNERS[:, None] - CORNERS[None]).sum(axis=2)
    return [(a, b) for a, b in itertools.combinations(range(8), 2) if differences[a, b] == distance]


def sides():
    """The six sides of a cell, four corners each."""
    return [np.flatnonzero(CORNERS[:, axis] == end) for axis in range(3) for end in (0, 1)]


def is_set(bits):
    return (CODES[:, None] >> np.asarray(bits)) & 1 == 1


def faces_of_code():
    """Voxel faces between inside and outside; each lies in four cells."""
    return sum(is_set([a, b]).sum(axis=1) == 1 for a, b in adjacent(1)) / 4.0


def euler_6_of_code():
    """Vertices, edges, squares and cubes whose corners are all inside, shared by 8, 4, 2, 1."""
    vertices = is_set(range(8)).sum(axis=1) / 8.0
    edges = sum(is_set(pair).all(axis=1) for pair in adjacent(1)) / 4.0
    squares = sum(is_set(side).all(axis=1) for side in sides()) / 2.0
    return vertices - edges + squares - (CODES == 255)


def euler_26_of_code():
    """The union of closed voxels, whose grid points are the middles of the cells."""
    points = (CODES > 0).astype(float)
    edges = sum(is_set(side).any(axis=1) for side in sides()) / 2.0
    squares = sum(is_set(pair).any(axis=1) for pair in adjacent(1)) / 4.0
    return points - edges + squares - is_set(range(8)).sum(axis=1) / 8.0


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.8])
def test_gives_volume_surface_and_euler_number(rng, share):
    mask = np.pad(rng.random((9, 11, 13)) < share, 1)
    counts = count_draws(of_mask(mask), mask.shape)
    histogram = counts.configurations[0, 1]
    assert counts.voxels[0].tolist() == [(~mask).sum(), mask.sum()]
    faces = sum(np.count_nonzero(np.diff(mask.astype(np.int8), axis=axis)) for axis in range(3))
    assert histogram @ faces_of_code() == faces
    assert histogram @ euler_6_of_code() == euler_number(mask, connectivity=1)
    assert histogram @ euler_26_of_code() == euler_number(mask, connectivity=3)


def test_known_bodies():
    ball = np.zeros((12, 12, 12), bool)
    ball[2:10, 2:10, 2:10] = True
    hollow, ring = ball.copy(), ball.copy()
    hollow[5:7, 5:7, 5:7] = False
    ring[:, 5:7, 5:7] = False
    for body, number in ((ball, 1), (hollow, 2), (ring, 0), (~ball & False, 0)):
        histogram = count_draws(of_mask(body), body.shape).configurations[0, 1]
        assert histogram @ euler_6_of_code() == histogram @ euler_26_of_code() == number
    cube = count_draws(of_mask(ball), ball.shape).configurations[0, 1]
    assert cube @ faces_of_code() == 6 * 8 * 8


def test_the_border_of_the_volume_is_no_surface():
    """The observation window cuts; it doesn't close."""
    full = np.ones((4, 5, 6), bool)
    histogram = count_draws(of_mask(full), full.shape).configurations[0, 1]
    assert np.flatnonzero(histogram).tolist() == [255]
    assert histogram[255] == 3 * 4 * 5


@pytest.mark.parametrize("seed", range(5))
def test_the_parts_of_any_partition_add_up(seed):
    rng = np.random.default_rng(seed)
    shape = (9, 12, 17)
    probs = random_draws(rng, (3, 3, *shape), share_of_nan=0.02)
    cuts = [
        [0, *sorted(rng.choice(np.arange(1, n), rng.integers(0, 4), replace=False)), n]
        for n in shape
    ]
    total = DrawCounts.zeros(3, 3)
    for box in itertools.product(*(itertools.pairwise(ends) for ends in cuts)):
        evaluated = tuple(slice(a, min(b + 1, n)) for (a, b), n in zip(box, shape, strict=True))
        part = np.ascontiguousarray(probs[(..., *evaluated)])
        total += count_draws(part, tuple(b - a for a, b in box))
    whole = count_draws(probs, shape)
    assert_equal(total, whole.voxels, whole.configurations)


@pytest.mark.parametrize("num_threads", [2, 3, 8])
def test_the_number_of_threads_changes_nothing(rng, num_threads):
    probs = random_draws(rng, (7, 5, 9, 10, 11))
    alone = count_draws(probs, (8, 9, 10))
    several = count_draws(probs, (8, 9, 10), num_threads)
    assert_equal(several, alone.voxels, alone.configurations)


def test_any_layout_and_type_of_the_buffer(rng):
    buffer = random_draws(rng, (4, 6, 9, 9, 9))
    part = buffer[1:3, ::2, 1:8, :, 2:]
    expected = count_draws(np.ascontiguousarray(part), (6, 8, 7))
    for other in (part, part.astype(np.float64)):
        assert_equal(count_draws(other, (6, 8, 7)), expected.voxels, expected.configurations)


def test_a_sum_holds_more_than_32_bits():
    large = DrawCounts(np.full((1, 2), 2**31, np.uint32), np.full((1, 2, 256), 2**31, np.uint32))
    total = large + large + DrawCounts.zeros(1, 2)
    assert total.voxels.tolist() == [[2**32, 2**32]]
    assert (total.configurations == 2**32).all()


@pytest.mark.parametrize(
    ("shape", "core", "threads", "message"),
    [
        ((2, 3, 4, 4), (4, 4, 4), 1, r"must be \(draws, classes, z, y, x\)"),
        ((1, 1, 4, 4, 4), (4, 4, 4), 1, "two classes or more"),
        ((1, 2, 4, 4, 4), (4, 4, 5), 1, r"got \(4, 4, 4\) for a core of \(4, 4, 5\)"),
        ((1, 2, 4, 4, 4), (4, 2, 4), 1, "at most one voxel more"),
        ((1, 2, 1, 4, 4), (0, 4, 4), 1, "at most one voxel more"),
        ((1, 2, 4, 4, 4), (4, 4, 4), 0, "num_threads must be 1 or more; got 0"),
    ],
)
def test_what_makes_no_sense_is_refused(shape, core, threads, message):
    with pytest.raises(SettingsError, match=message):
        count_draws(np.zeros(shape, np.float32), core, threads)
