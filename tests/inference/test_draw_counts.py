"""What is counted in blocks is what whole-volume draws hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_bayesseg.core.errors import StoreError
from napari_bayesseg.core.geometry import Index3, Roi
from napari_bayesseg.inference.import_probabilities import import_probabilities
from napari_bayesseg.inference.plan import BASE_BYTES
from napari_bayesseg.inference.predict import predict
from napari_bayesseg.inference.result import Result, load_result
from tests.inference.made_runs import TablePosterior, made_scan, run_made, whole_draws
from tests.results import write_result


def counted(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count voxels and 2x2x2 configurations of ``(T, C, Z, Y, X)``, in plain NumPy."""
    num_draws, num_classes = draws.shape[:2]
    voxels = np.zeros((num_draws, num_classes), int)
    configurations = np.zeros((num_draws, num_classes, 256), int)
    for t, draw in enumerate(draws):
        labels = np.where(np.isnan(draw).any(0), -1, draw.argmax(0))
        for c in range(num_classes):
            inside = labels == c
            voxels[t, c] = inside.sum()
            z, y, x = (n - 1 for n in inside.shape)
            codes = np.zeros((z, y, x), int)
            for bit in range(8):
                dz, dy, dx = bit >> 2 & 1, bit >> 1 & 1, bit & 1
                codes += inside[dz : dz + z, dy : dy + y, dx : dx + x] << bit
            configurations[t, c] = np.bincount(codes.ravel(), minlength=256)
    return voxels, configurations


def assert_counts(store_counts: object, draws: np.ndarray) -> None:
    voxels, configurations = counted(draws)
    np.testing.assert_array_equal(store_counts.voxels, voxels)
    np.testing.assert_array_equal(store_counts.configurations, configurations)


@pytest.mark.parametrize("block", [(9, 14, 17), (2, 4, 6), (9, 2, 17), (4, 14, 2)])
@pytest.mark.parametrize("roi", [None, "1:8,3:12,0:17", "4:5,0:14,2:3"])
@pytest.mark.parametrize("samples", [1, 5])
def test_counts_of_the_blocks_add_up_to_those_of_whole_draws(
    block: Index3, roi: str | None, samples: int, tmp_path: Path
) -> None:
    posterior, scan = TablePosterior(parallel_draws=2), made_scan()
    store, plan = run_made(
        tmp_path / "r.zarr", posterior, scan, block_shape=block, roi=roi, num_samples=samples
    )
    box = Roi.whole(scan.shape) if roi is None else Roi.parse(roi, scan.shape)
    draws = whole_draws(scan[box.slices], posterior, samples)
    assert_counts(Result(store).draw_counts(), draws)
    each = [store.counts(block.index) for block in plan.blocks()]
    np.testing.assert_array_equal(sum(c.voxels for c in each), counted(draws)[0])
    np.testing.assert_array_equal(
        np.asarray(store.array("labels"))[box.slices],
        draws.mean(0, dtype=np.float64).astype(np.float32).argmax(0),
    )


def test_voxels_that_are_no_numbers_are_counted_nowhere(tmp_path: Path) -> None:
    posterior, scan = TablePosterior(), made_scan()
    scan[2, 3, 4] = scan[4, 4, 6] = scan[8, 13, 16] = np.nan
    store, _ = run_made(tmp_path / "r.zarr", posterior, scan, block_shape=(4, 4, 6))
    assert_counts(store.total_counts(store.ledger.rows()), whole_draws(scan, posterior, 4))
    nowhere = np.isnan(scan)
    for name in ("mean_probability", "mutual_information"):
        values = np.asarray(store.array(name))
        np.testing.assert_array_equal(np.isnan(values), np.broadcast_to(nowhere, values.shape))
    assert np.asarray(store.array("labels"))[nowhere].tolist() == [0, 0, 0]


def test_parts_of_a_block_change_nothing(tmp_path: Path) -> None:
    scan, block = made_scan(), (8, 14, 17)
    whole, _ = run_made(tmp_path / "a.zarr", TablePosterior(), scan, block_shape=block)
    parts: list[Roi] = []
    cut, _ = run_made(
        tmp_path / "b.zarr",
        TablePosterior(before_block=parts.append),
        scan,
        block_shape=block,
        memory=BASE_BYTES + 60_000,
    )
    assert len(parts) > 10
    assert cut.content_sha256() == whole.content_sha256()


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_a_block_without_memory_is_cut_into_parts(error: Exception, tmp_path: Path) -> None:
    scan, block = made_scan(), (8, 14, 17)
    whole, _ = run_made(tmp_path / "a.zarr", TablePosterior(), scan, block_shape=block)

    def refuse(features: np.ndarray) -> None:
        if features.size > 200:
            raise error

    cut, _ = run_made(
        tmp_path / "b.zarr", TablePosterior(before_draw=refuse), scan, block_shape=block
    )
    assert cut.content_sha256() == whole.content_sha256()

    def refuse_all(_: np.ndarray) -> None:
        raise error

    with pytest.raises(type(error)):
        run_made(tmp_path / "c.zarr", TablePosterior(before_draw=refuse_all), scan)


def test_counts_of_a_network_are_those_of_its_draws(
    models: dict[str, Path], scan_path: Path, tmp_path: Path
) -> None:
    result = predict(
        scan_path, models["bcnn"], tmp_path / "r.zarr", num_samples=3, block_shape=(8, 16, 16)
    )
    counts = load_result(result.path).draw_counts()
    voxels, configurations = counted(np.stack([result.draw(t) for t in range(3)]))
    np.testing.assert_array_equal(counts.voxels, voxels)
    np.testing.assert_array_equal(counts.configurations, configurations)
    assert counts.voxels.sum(1).tolist() == [13 * 30 * 37] * 3
    assert counts.configurations.sum(2).tolist() == [[12 * 29 * 36] * 3] * 3


def test_imported_members_are_counted(tmp_path: Path) -> None:
    logits = np.random.default_rng(0).normal(size=(3, 4, 6, 9, 11))
    members = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.save(tmp_path / "p.npy", members.astype(np.float32))
    result = import_probabilities([tmp_path / "p.npy"], tmp_path / "r.zarr")
    assert_counts(result.draw_counts(), members)


def test_a_result_from_before_there_were_counts_says_so(tmp_path: Path) -> None:
    old = write_result(tmp_path / "r.zarr", np.full((2, 2, 4, 4), 0.5), {})
    with pytest.raises(StoreError, match="counts") as caught:
        old.draw_counts()
    assert "\n" not in str(caught.value)
