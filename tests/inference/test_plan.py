from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.inference.plan import (
    BASE_BYTES,
    BlockPlan,
    block_bytes,
    check_block_shape,
    choose_block_shape,
    evaluated_box,
    halves,
    plan_blocks,
    split_to_fit,
)
from napari_bayesseg.networks.vnet3d import VNet
from napari_bayesseg.posteriors.network import NetworkPosterior
from napari_bayesseg.posteriors.planar import PlanarPosterior
from tests.models import small_network, small_spec

triples = st.tuples(*[st.integers(1, 20)] * 3)


@pytest.fixture(scope="module")
def posterior() -> NetworkPosterior:
    return NetworkPosterior(small_network())


@given(triples, triples, st.tuples(*[st.integers(0, 19)] * 6))
@settings(deadline=None)
def test_blocks_cover_the_roi_once(shape: Index3, block: Index3, ends: tuple[int, ...]) -> None:
    low = [min(a, n - 1) for a, n in zip(ends[:3], shape, strict=True)]
    high = [max(a + 1, min(b, n)) for a, b, n in zip(low, ends[3:], shape, strict=True)]
    roi = Roi((low[0], low[1], low[2]), (high[0], high[1], high[2]))
    plan = BlockPlan(shape, roi, block)
    counts = np.zeros(shape, int)
    for piece in plan.blocks():
        counts[piece.core.slices] += 1
        assert plan.block(piece.index) == piece
    expected = np.zeros(shape, int)
    expected[roi.slices] = 1
    np.testing.assert_array_equal(counts, expected)


def test_blocks_nearest_to_the_focus_come_first() -> None:
    plan = BlockPlan((8, 16, 16), Roi.whole((8, 16, 16)), (8, 8, 8))
    assert plan.blocks(focus=(4, 12, 12))[0].core == Roi((0, 8, 8), (8, 16, 16))
    assert {b.index for b in plan.blocks((0, 0, 0))} == {b.index for b in plan.blocks()}


@pytest.mark.parametrize(
    ("wanted", "nearest"),
    [
        ((20, 64, 64), (24, 64, 64)),
        ((8, 60, 64), (8, 64, 64)),
        ((1, 64, 64), (8, 64, 64)),
        ((97, 64, 64), (96, 64, 64)),
    ],
)
def test_block_shapes_off_the_stride_are_refused_with_the_nearest(
    wanted: Index3, nearest: Index3
) -> None:
    with pytest.raises(SettingsError) as caught:
        check_block_shape(wanted, (96, 192, 192), (8, 8, 8))
    assert f"nearest valid shape is {nearest}" in str(caught.value)
    check_block_shape(nearest, (96, 192, 192), (8, 8, 8))


@pytest.mark.parametrize("wanted", [(45, 83, 101), (45, 8, 104), (8, 83, 16)])
def test_whole_axes_and_multiples_of_the_stride_are_valid(wanted: Index3) -> None:
    check_block_shape(wanted, (45, 83, 101), (8, 8, 8))


def test_blocks_larger_than_the_scan_are_cut_to_it() -> None:
    shape: Index3 = (5, 9, 9)
    assert plan_blocks(shape, Roi.whole(shape), (8, 16, 16), (8, 8, 8)).block_shape == shape


@pytest.mark.parametrize("shape", [(96, 192, 192), (1, 2000, 2000), (1024, 1024, 1024), (3, 5, 7)])
@pytest.mark.parametrize("samples", [4, 64])
def test_the_chosen_shape_is_valid_and_fits(
    posterior: NetworkPosterior, shape: Index3, samples: int
) -> None:
    memory = 10**9
    chosen = choose_block_shape(
        posterior, shape, memory=memory, num_samples=samples, num_measures=7
    )
    check_block_shape(chosen, shape, posterior.stride)
    need = block_bytes(posterior, Roi((0, 0, 0), chosen), shape, samples, 7)
    assert need + BASE_BYTES <= memory


def test_too_little_memory_is_refused_with_the_least_that_would_do(
    posterior: NetworkPosterior,
) -> None:
    with pytest.raises(SettingsError, match=r"memory must be at least \d+MB"):
        choose_block_shape(posterior, (64, 64, 64), memory=10**8, num_samples=16, num_measures=7)


def test_parts_of_a_block_cover_it_and_fit(posterior: NetworkPosterior) -> None:
    core, shape = Roi((8, 0, 16), (40, 48, 64)), (64, 64, 64)
    available = block_bytes(posterior, core, shape, 16, 7) * 2 // 3
    parts = list(
        split_to_fit(
            posterior,
            core,
            shape,
            memory=BASE_BYTES + available,
            num_samples=16,
            num_measures=7,
        )
    )
    counts = np.zeros(shape, int)
    for part in parts:
        counts[part.slices] += 1
        assert block_bytes(posterior, part, shape, 16, 7) <= available
    assert len(parts) > 1
    assert counts[core.slices].min() == counts[core.slices].max() == 1
    assert counts.sum() == core.size


@given(triples, triples)
@settings(deadline=None)
def test_evaluated_boxes_hold_each_cell_of_the_roi_once(shape: Index3, block: Index3) -> None:
    """A cell is named by its lowest corner, and lies in the box that holds all eight."""
    low = tuple(n // 4 for n in shape)
    roi = Roi((low[0], low[1], low[2]), shape)
    cells = np.zeros(shape, int)
    for piece in BlockPlan(shape, roi, block).blocks():
        box = evaluated_box(piece.core, roi)
        assert roi.contains(box)
        assert box.contains(piece.core)
        owned = tuple(slice(a, b - 1) for a, b in zip(box.start, box.stop, strict=True))
        cells[owned] += 1
    expected = np.zeros(shape, int)
    expected[tuple(slice(a, n - 1) for a, n in zip(low, shape, strict=True))] = 1
    np.testing.assert_array_equal(cells, expected)


@given(triples, triples, st.tuples(*[st.integers(1, 8)] * 3))
def test_halves_are_the_whole_and_start_at_the_stride(
    start: Index3, lengths: Index3, stride: Index3
) -> None:
    z, y, x = (a + n for a, n in zip(start, lengths, strict=True))
    core = Roi(start, (z, y, x))
    found = halves(core, stride)
    if found is None:
        assert all(n <= s for n, s in zip(lengths, stride, strict=True))
        return
    low, high = found
    assert low.size + high.size == core.size
    assert (low.start, high.stop) == (core.start, core.stop)
    assert all((a - b) % s == 0 for a, b, s in zip(high.start, core.start, stride, strict=True))


def test_many_draws_of_a_large_scan_in_little_memory_get_blocks_of_a_sensible_size(
    posterior: NetworkPosterior,
) -> None:
    shape: Index3 = (1024, 1024, 1024)
    for samples in (4, 64):
        chosen = choose_block_shape(
            posterior, shape, memory=2 * 10**9, num_samples=samples, num_measures=7
        )
        assert min(chosen) >= 32


def test_a_draw_of_a_heavy_network_ends_soon() -> None:
    """Within a second: a thread makes 5e10 multiply-adds in it, 1e11 with the widest vectors."""
    heavy = PlanarPosterior(VNet(small_spec(channels=(16, 32, 64, 128))))
    shape: Index3 = (512, 512, 512)
    z, y, x = choose_block_shape(heavy, shape, memory=64 * 10**9, num_samples=16, num_measures=7)
    middle = Roi((256, 256, 256), (256 + z, 256 + y, 256 + x))
    cost = heavy.cost(evaluated_box(middle, Roi.whole(shape)), shape)
    assert 0.3e10 < cost.draw_operations <= 5e10
