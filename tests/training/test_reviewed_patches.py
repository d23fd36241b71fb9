from __future__ import annotations

import numpy as np
import pytest

from napari_bayesseg.core.errors import FormatError, SettingsError
from napari_bayesseg.core.geometry import Geometry, Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference.scan import normalise, summarise_scan
from napari_bayesseg.networks.checkpoint import Normalisation
from napari_bayesseg.training import pieces as pieces_module
from napari_bayesseg.training.dataset import TrainingPair
from napari_bayesseg.training.pieces import Piece, confidence, cut_pieces
from napari_bayesseg.training.reviewed_patches import ReviewedPatches

PATCH = (4, 6, 6)


def pair_of(scan: np.ndarray, labels: np.ndarray | None) -> TrainingPair:
    geometry = Geometry.from_spacing((2.0, 0.5, 0.5), unit="micrometer")
    truth = None if labels is None else Volume.from_array(labels, geometry)
    return TrainingPair("scan", Volume.from_array(scan, geometry), truth)


def nothing(image: np.ndarray) -> np.ndarray:
    raise AssertionError("the prediction was given")


def piece_of(labels: np.ndarray) -> Piece:
    image = np.arange(labels.size, dtype=np.float32).reshape(labels.shape)
    return Piece(image, labels.astype(np.int16), (labels < 0).astype(np.float32), True)


def patches_of(pieces: list[Piece], seed: int = 0, **changes) -> ReviewedPatches:
    options = {"flips": False, "transposes": False, "gain": 0.0, "shift": 0.0, **changes}
    generator = np.random.default_rng(seed)
    return ReviewedPatches(pieces, PATCH, 4, 0.5, generator=generator, **options)


def test_a_small_scan_is_one_piece_normalised_as_at_prediction(rng: np.random.Generator) -> None:
    scan = rng.integers(0, 1000, (5, 7, 9)).astype(np.uint16)
    labels = np.full(scan.shape, -1)
    labels[1:3, 2:4, 2:4] = 2
    probability = rng.random((3, *scan.shape))
    probability /= probability.sum(0)
    (piece,) = cut_pieces(
        [pair_of(scan, labels)], [probability], PATCH, Normalisation(), 3, nothing, 0
    )
    statistics = summarise_scan(Volume.from_array(scan), Normalisation()).statistics
    np.testing.assert_array_equal(piece.image, normalise(scan, statistics)[0])
    np.testing.assert_array_equal(piece.labels, labels)
    expected = np.where(labels < 0, confidence(probability), 0)
    np.testing.assert_allclose(piece.trust, expected, atol=1e-6)


def test_where_no_prediction_is_at_hand_it_is_made(rng: np.random.Generator) -> None:
    scan = rng.random((4, 6, 6)).astype(np.float32)
    labels = np.zeros(scan.shape, int)

    def sure(image: np.ndarray) -> np.ndarray:
        return np.stack([np.ones_like(image), np.zeros_like(image)])

    unlabelled = pair_of(scan, None)
    pieces = cut_pieces(
        [pair_of(scan, labels), unlabelled], [None, None], PATCH, Normalisation(), 2, sure, 0
    )
    assert (pieces[0].trust == 0).all()  # all is reviewed
    assert (pieces[1].trust == 1).all()
    assert (pieces[1].labels == -1).all()


def test_small_scans_are_padded_and_nothing_counts_there(rng: np.random.Generator) -> None:
    scan, labels = rng.random((2, 6, 5)).astype(np.float32), np.ones((2, 6, 5), int)
    labels[0] = -1
    probability = np.stack([np.ones(scan.shape), np.zeros(scan.shape)])
    (piece,) = cut_pieces(
        [pair_of(scan, labels)], [probability], PATCH, Normalisation(), 2, nothing, 0
    )
    assert piece.image.shape == PATCH
    assert (piece.labels[2:] == -1).all()
    assert (piece.trust[2:] == 0).all()
    np.testing.assert_array_equal(piece.image[2, :, :5], piece.image[1, :, :5])


def test_of_a_large_scan_reviewed_cells_come_first(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = 3 * 4 * 3 * 6 * 3 * 6
    monkeypatch.setattr(pieces_module, "_MOST_VOXELS", 4 * cell)
    scan = rng.random((24, 72, 72)).astype(np.float32)
    labels = np.full(scan.shape, -1)
    labels[20, 70, 70] = 1
    probability = np.stack([np.ones(scan.shape), np.zeros(scan.shape)])
    pieces = cut_pieces(
        [pair_of(scan, labels)], [probability], PATCH, Normalisation(), 2, nothing, 0
    )
    assert len(pieces) == 2  # as many without as with
    assert [(piece.labels >= 0).sum() for piece in pieces] == [1, 0]
    assert pieces[0].image.shape == (12, 18, 18)


def test_labels_that_can_not_be_learnt_are_refused(rng: np.random.Generator) -> None:
    scan = rng.random((4, 6, 6)).astype(np.float32)
    probability = np.stack([np.ones(scan.shape), np.zeros(scan.shape)])
    with pytest.raises(FormatError, match="below 2"):
        cut_pieces(
            [pair_of(scan, np.full(scan.shape, 2))],
            [probability],
            PATCH,
            Normalisation(),
            2,
            nothing,
            0,
        )
    with pytest.raises(SettingsError, match="nothing to learn from"):
        cut_pieces(
            [pair_of(scan, np.full(scan.shape, -1))],
            [probability],
            PATCH,
            Normalisation(),
            2,
            nothing,
            0,
        )


def test_half_of_the_patches_hold_a_reviewed_voxel_and_small_places_count() -> None:
    labels = np.full((16, 48, 48), -1)
    small, large = Roi((2, 4, 4), (3, 5, 5)), Roi((8, 24, 24), (10, 32, 32))
    labels[small.slices], labels[large.slices] = 0, 1
    patches = patches_of([piece_of(labels)])
    around, elsewhere, smalls = 0, 0, 0
    for _ in range(300):
        batch = patches.batch()
        assert batch.images.shape == (4, 1, *PATCH)
        reviewed = (batch.labels >= 0).flatten(1).any(1)
        assert reviewed[:2].all()
        around += 2
        elsewhere += int(reviewed[2:].sum())
        smalls += int((batch.labels[:2] == 0).flatten(1).any(1).sum())
        for image, found, trust in zip(batch.images[:, 0], batch.labels, batch.trust, strict=True):
            places = np.unravel_index(image.numpy().astype(int), labels.shape)
            np.testing.assert_array_equal(found, labels[places])
            np.testing.assert_array_equal(trust, labels[places] < 0)
    # In proportion to the square roots of 1 and 128 voxels: 8 %.
    assert 0.04 < smalls / around < 0.13
    assert elsewhere < 0.2 * around


def test_changes_go_with_labels_and_trust() -> None:
    labels = np.full(PATCH, -1)
    labels[1, 0, 4] = 1
    patches = patches_of([piece_of(labels)], flips=True, transposes=True, gain=0.1, shift=0.1)
    seen = set()
    for _ in range(40):
        batch = patches.batch()
        for image, found, trust in zip(batch.images[:, 0], batch.labels, batch.trust, strict=True):
            place = tuple(np.argwhere(found.numpy() >= 0)[0].tolist())
            seen.add(place)
            assert trust[place] == 0
            assert trust.sum() == trust.numel() - 1
            # Gain and shift keep the order of the grey values.
            rank = (image.numpy() < image.numpy()[place]).sum()
            assert rank == np.ravel_multi_index((1, 0, 4), PATCH)
    assert len(seen) == 16  # 8 corners by flips, twice as many by swapping y and x


def test_a_seed_gives_its_batches() -> None:
    labels = np.full((8, 12, 12), -1)
    labels[2:4, 3:6, 3:6] = 1
    one, two, three = (patches_of([piece_of(labels)], seed, gain=0.1) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(one.batch(), two.batch(), strict=True))
    assert not (one.batch().images == three.batch().images).all()
