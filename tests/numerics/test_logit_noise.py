from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from napari_bayesseg.numerics.logit_noise import LOG_VARIANCE_RANGE, noise_nodes
from napari_bayesseg.numerics.planar.noisy_rows import noisy_softmax_rows


@pytest.mark.parametrize("classes", [2, 3, 4, 8, 40])
def test_the_nodes_have_the_moments_of_standard_normal_noise(classes: int) -> None:
    nodes = noise_nodes(classes).astype(np.float64)
    assert nodes.shape == (max(64, 4 * classes), classes)
    np.testing.assert_allclose(nodes.mean(0), 0.0, atol=1e-7)
    np.testing.assert_allclose(nodes.T @ nodes / len(nodes), np.eye(classes), atol=1e-6)


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("difference", [0.0, 1.0, 3.0])
def test_two_classes_agree_with_numerical_integration(difference: float, sigma: float) -> None:
    """The difference of two logits has the variance 2 sigma^2: one integral, by Gauss-Hermite."""
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    inner = difference + np.sqrt(2.0) * sigma * points
    expected = np.sum(weights / (1 + np.exp(-inner))) / np.sqrt(2 * np.pi)
    logits = np.array([difference, 0.0]) + sigma * noise_nodes(2)
    assert softmax(logits, axis=1)[:, 0].mean() == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("classes", [3, 5])
def test_more_classes_agree_with_many_samples(classes: int) -> None:
    generator = np.random.default_rng(0)
    for _ in range(5):
        logits = 2 * generator.standard_normal(classes)
        sigma = generator.uniform(0.1, 1.5, classes)
        samples = generator.standard_normal((200_000, classes))
        expected = softmax(logits + sigma * samples, axis=1).mean(0)
        found = softmax(logits + sigma * noise_nodes(classes), axis=1).mean(0)
        np.testing.assert_allclose(found, expected, atol=0.01)


@pytest.mark.parametrize("variances", ["logit", "voxel"])
def test_the_compiled_average_is_that_of_double_precision(variances: str) -> None:
    classes, planes, rows, pitch = 3, 2, 4, 13
    number = classes if variances == "logit" else 1
    generator = np.random.default_rng(1)
    outputs = 3 * generator.standard_normal((classes + number, planes, rows * pitch + 5))
    outputs[classes:] *= 4  # some beyond the limits
    outputs = outputs.astype(np.float32)
    out = np.empty((classes, planes, rows, 9), np.float32)
    nodes, limits = noise_nodes(classes), np.array(LOG_VARIANCE_RANGE, np.float32)
    noisy_softmax_rows(outputs, nodes, limits, np.array([0, 2]), pitch, out)
    voxels = outputs[..., : rows * pitch].reshape(-1, planes, rows, pitch)[..., 2:11]
    voxels = voxels.astype(np.float64)
    sigma = np.exp(0.5 * np.clip(voxels[classes:], *LOG_VARIANCE_RANGE))
    noise = nodes.astype(np.float64)[:, :, None, None, None]
    expected = softmax(voxels[:classes] + sigma * noise, axis=1).mean(0)
    np.testing.assert_allclose(out, expected, atol=3e-6)
    np.testing.assert_allclose(out.sum(0), 1.0, atol=1e-6)


def test_without_noise_it_is_the_softmax() -> None:
    outputs = np.random.default_rng(2).standard_normal((4, 1, 40)).astype(np.float32)
    outputs[3] = -50.0
    out = np.empty((3, 1, 1, 30), np.float32)
    limits = np.array(LOG_VARIANCE_RANGE, np.float32)
    noisy_softmax_rows(outputs, noise_nodes(3), limits, np.array([0, 0]), 40, out)
    expected = softmax(outputs[:3, :, None, :30].astype(np.float64), axis=0)
    np.testing.assert_allclose(out, expected, atol=1e-4)
