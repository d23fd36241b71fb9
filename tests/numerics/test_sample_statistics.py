"""The fused kernel against the plain formulas, and its independence of chunks and threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_bayesseg.core.errors import SettingsError
from napari_bayesseg.numerics.sample_statistics import summarise_draws, warm_up
from napari_bayesseg.numerics.uncertainty import MEASURES, percentile_spread

ALL = tuple(MEASURES)


@pytest.fixture(scope="module", autouse=True)
def compiled_kernel():
    warm_up()


def softmax_draws(seed, shape, sharpness=2.0):
    logits = sharpness * np.random.default_rng(seed).normal(size=shape)
    values = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize(
    "shape",
    [(1, 2, 50), (2, 2, 700), (3, 5, 300), (16, 3, 5000), (17, 4, 999), (100, 2, 333),
     (5, 257, 130), (2500, 2, 40), (4, 3, 1)],
)  # fmt: skip
def test_equals_the_plain_formulas(shape):
    probs = softmax_draws(1, shape)
    result = summarise_draws(probs, ALL, num_threads=2)
    mean = probs.astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(result.mean_probability, mean, rtol=1.2e-7)
    np.testing.assert_array_equal(result.labels, result.mean_probability.argmax(axis=0))
    assert result.labels.dtype == (np.uint8 if shape[1] <= 256 else np.uint16)
    assert tuple(result.measures) == ALL
    for name, record in MEASURES.items():
        assert result.measures[name].dtype == np.float32
        reference = record.compute(probs)
        np.testing.assert_allclose(
            result.measures[name], reference, rtol=3e-7, atol=2e-8, err_msg=name
        )


@pytest.mark.parametrize("percentiles", [(0, 100), (5.0, 95.0), (20, 80), (33.3, 50)])
@pytest.mark.parametrize("num_draws", [1, 2, 3, 7, 16, 33])
def test_spread_equals_numpy_percentiles(percentiles, num_draws):
    probs = softmax_draws(2, (num_draws, 3, 400))
    result = summarise_draws(probs, ["percentile_spread"], percentiles)
    reference = percentile_spread(probs, percentiles)
    np.testing.assert_allclose(result.measures["percentile_spread"], reference, atol=3e-8)


@pytest.mark.parametrize("num_threads", [1, 2, 5])
@pytest.mark.parametrize("chunk_voxels", [1, 7, 64, 100_000, None])
def test_bit_identical_for_any_chunk_and_thread_count(num_threads, chunk_voxels):
    probs = softmax_draws(3, (5, 3, 1237))
    expected = summarise_draws(probs, ALL)
    result = summarise_draws(probs, ALL, num_threads=num_threads, chunk_voxels=chunk_voxels)
    np.testing.assert_array_equal(result.mean_probability, expected.mean_probability)
    np.testing.assert_array_equal(result.labels, expected.labels)
    for name in ALL:
        np.testing.assert_array_equal(result.measures[name], expected.measures[name])


def test_each_measure_alone_equals_that_of_the_full_set():
    probs = softmax_draws(4, (6, 4, 500))
    expected = summarise_draws(probs, ALL)
    for name in ALL:
        alone = summarise_draws(probs, [name, name])
        assert list(alone.measures) == [name]
        np.testing.assert_array_equal(alone.measures[name], expected.measures[name])
    assert summarise_draws(probs, []).measures == {}


def test_a_part_of_a_larger_buffer_and_a_foreign_layout():
    buffer = softmax_draws(5, (8, 3, 600))
    part = buffer[2:7, :, 100:333]
    expected = summarise_draws(np.ascontiguousarray(part), ALL)
    by_voxel = np.ascontiguousarray(part.transpose(2, 0, 1)).transpose(1, 2, 0)
    for view in (part, by_voxel, part.astype(np.float64), part[:, :, ::-1][:, :, ::-1]):
        result = summarise_draws(view, ALL)
        for name in ALL:
            np.testing.assert_array_equal(result.measures[name], expected.measures[name])
    read_only = part.copy()
    read_only.flags.writeable = False
    np.testing.assert_array_equal(summarise_draws(read_only, ALL).labels, expected.labels)


def test_one_draw_and_equal_draws_disagree_in_nothing_exactly():
    one = softmax_draws(6, (1, 3, 300))
    for probs in (one, np.repeat(one, 7, axis=0)):
        measures = summarise_draws(probs, ALL).measures
        for name in ("standard_deviation", "percentile_spread", "variation_ratio"):
            assert not measures[name].any(), name
        assert measures["mutual_information"].max() < 1e-14
        assert measures["mutual_information"].min() >= 0.0
    assert not summarise_draws(one, ALL).measures["mutual_information"].any()


def test_certain_draws_have_no_entropy_and_tiny_probabilities_do_not_upset_it():
    probs = np.zeros((2, 3, 4), dtype=np.float32)
    probs[:, 0] = 1.0
    probs[:, 1, 1] = 1e-30
    probs[:, 1, 2] = 1e-42  # denormal
    measures = summarise_draws(probs, ALL).measures
    for name in ALL:
        assert np.all(np.abs(measures[name]) < 1e-27), name
        assert measures[name][0] == 0.0
        assert not np.signbit(measures[name][0])


def test_ties_go_to_the_lowest_class():
    probs = np.array([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]], dtype=np.float32)[:, :, None]
    tied = np.full((2, 4, 3), 0.25, dtype=np.float32)
    assert summarise_draws(tied, ALL).labels.tolist() == [0, 0, 0]
    # Draw 0 ties classes 0 and 1 and so counts for 0, draw 1 counts for 1, the mean is 1.
    result = summarise_draws(probs, ALL)
    assert result.labels[0] == 1
    assert result.measures["variation_ratio"][0] == 0.5


@pytest.mark.parametrize("where", [(0, 0), (3, 2), (1, 1)])
def test_nan_stays_nan_in_its_voxel_alone(where):
    probs = softmax_draws(7, (4, 3, 90))
    expected = summarise_draws(probs, ALL)
    spoilt = probs.copy()
    spoilt[(*where, 17)] = np.nan
    result = summarise_draws(spoilt, ALL)
    others = np.arange(90) != 17
    assert np.isnan(result.mean_probability[:, 17]).all()
    assert result.labels[17] == 0
    for name in ALL:
        assert np.isnan(result.measures[name][17]), name
        np.testing.assert_array_equal(
            result.measures[name][others], expected.measures[name][others]
        )


def test_from_several_threads_at_once():
    blocks = [softmax_draws(seed, (4, 3, 40_000)) for seed in range(4)]
    expected = [summarise_draws(block, ALL) for block in blocks]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda block: summarise_draws(block, ALL, num_threads=2), blocks))
    for result, reference in zip(results, expected, strict=True):
        for name in ALL:
            np.testing.assert_array_equal(result.measures[name], reference.measures[name])


def test_no_voxels_are_no_problem():
    result = summarise_draws(np.empty((3, 2, 0), dtype=np.float32), ALL, num_threads=2)
    assert result.mean_probability.shape == (2, 0)
    assert result.measures["mutual_information"].shape == (0,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measures": ["entropy"]}, "got 'entropy'"),
        ({"probs": np.ones((2, 1, 5), np.float32)}, r"\(2, 1, 5\)"),
        ({"probs": np.ones((0, 2, 5), np.float32)}, "one draw"),
        ({"probs": np.ones((2, 2, 5, 5), np.float32)}, "draws, classes, voxels"),
        ({"percentiles": (80, 20)}, "low < high"),
        ({"percentiles": (20, 101)}, "100"),
        ({"num_threads": 0}, "num_threads"),
        ({"chunk_voxels": 0}, "chunk_voxels"),
    ],
)
def test_refuses_what_makes_no_sense(changes, message):
    arguments = {"probs": np.full((2, 2, 5), 0.5, np.float32), "measures": ALL} | changes
    with pytest.raises(SettingsError, match=message):
        summarise_draws(**arguments)
