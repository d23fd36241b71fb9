from __future__ import annotations

import numpy as np
import pytest

from napari_bayesseg.core.errors import BayesSegWarning, FormatError
from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.core.volume import Volume
from napari_bayesseg.inference import scan as scan_module
from napari_bayesseg.inference.scan import NormalisedScan, normalise, summarise_scan
from napari_bayesseg.networks.checkpoint import Normalisation


@pytest.fixture
def array() -> np.ndarray:
    return np.random.default_rng(0).gamma(2.0, 300.0, (20, 31, 17)).astype(np.uint16)


def test_normalised_grey_values_are_clipped_z_scores(array: np.ndarray) -> None:
    summary = summarise_scan(Volume.from_array(array), Normalisation())
    clipped = np.clip(array, *np.percentile(array, (0.5, 99.5)))
    expected = (array - clipped.mean()) / clipped.std()
    found, valid = normalise(array, summary.statistics)
    assert valid.all()
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_identity_depends_on_content_only(array: np.ndarray) -> None:
    def sha(values: np.ndarray) -> str:
        return summarise_scan(Volume.from_array(values), Normalisation()).sha256

    assert sha(array) == sha(np.asfortranarray(array)) == sha(array.astype(">u2"))
    changed = array.copy()
    changed[3, 4, 5] += 1
    assert len({sha(array), sha(changed), sha(array.astype(np.int32)), sha(array[:-1])}) == 4


def test_the_slabs_do_not_change_the_summary(
    array: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = Volume.from_array(array)
    whole = summarise_scan(volume, Normalisation())
    for voxels in (1, 17 * 5, 17 * 31 * 3):
        monkeypatch.setattr(scan_module, "_SLAB_VOXELS", voxels)
        assert summarise_scan(volume, Normalisation()) == whole


def test_voxels_that_are_no_numbers_are_left_out_and_told(array: np.ndarray) -> None:
    values = array.astype(np.float32)
    values[0, 0, :3] = np.nan, np.inf, -np.inf
    with pytest.warns(BayesSegWarning, match="3 voxels are NaN or infinite"):
        summary = summarise_scan(Volume.from_array(values), Normalisation())
    found, valid = normalise(values, summary.statistics)
    assert (~valid).sum() == 3
    assert np.all(found[~valid] == 0)
    assert np.isfinite(found).all()


def test_a_constant_scan_is_told_and_becomes_zero() -> None:
    volume = Volume.from_array(np.full((4, 5, 6), 7, np.uint8))
    with pytest.warns(BayesSegWarning, match="value 7"):
        summary = summarise_scan(volume, Normalisation())
    assert np.all(normalise(np.full(3, 7, np.uint8), summary.statistics)[0] == 0)


def test_a_scan_without_numbers_is_refused() -> None:
    with pytest.raises(FormatError, match="nothing to segment"):
        summarise_scan(Volume.from_array(np.full((4, 5, 6), np.nan)), Normalisation())


@pytest.mark.parametrize(
    "roi",
    [Roi((0, 0, 0), (24, 32, 20)), Roi((18, 28, 10), (24, 32, 20)), Roi((3, 4, 5), (6, 7, 8))],
)
def test_reading_beyond_the_end_repeats_the_edge(array: np.ndarray, roi: Roi) -> None:
    volume = Volume.from_array(array)
    statistics = summarise_scan(volume, Normalisation()).statistics
    whole = np.pad(normalise(array, statistics)[0], ((0, 4), (0, 1), (0, 3)), mode="edge")
    np.testing.assert_array_equal(NormalisedScan(volume, statistics).read(roi), whole[roi.slices])
