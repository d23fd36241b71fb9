from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_bayesseg.gui.review.histogram import Histogram

pytestmark = pytest.mark.viewer


@pytest.fixture
def histogram(qtbot: QtBot) -> Histogram:
    histogram = Histogram()
    qtbot.addWidget(histogram)
    histogram.resize(220, 70)
    histogram.set_span(10, 210)
    return histogram


def filled(histogram: Histogram, x: int) -> int:
    """Count the pixels of a column that aren't background."""
    picture = histogram.grab().toImage()
    empty = picture.pixel(2, 2)
    return sum(picture.pixel(x, y) != empty for y in range(picture.height()))


def test_heights_are_logarithmic(histogram: Histogram) -> None:
    histogram.set_counts(np.array([0, 9, 99, 999]))
    np.testing.assert_allclose(histogram.heights, [0, 1 / 3, 2 / 3, 1], atol=1e-12)
    heights = [filled(histogram, x) for x in (35, 85, 135, 185)]
    assert heights == pytest.approx([0, 22, 44, 66], abs=2)


def test_a_single_high_bin_is_not_lost_among_many(histogram: Histogram) -> None:
    counts = np.zeros(1024, int)
    counts[511] = 1000
    histogram.set_counts(counts)
    assert max(filled(histogram, x) for x in range(105, 115)) > 60


def test_thresholds_cut_it_into_three_colours(histogram: Histogram) -> None:
    histogram.set_counts(np.full(10, 50))
    histogram.set_thresholds(0.25, 0.5)
    picture = histogram.grab().toImage()
    colours = [picture.pixel(x, 40) for x in (30, 80, 150)]
    assert len(set(colours)) == 3


def test_no_voxel_gives_an_empty_picture(histogram: Histogram) -> None:
    histogram.set_counts(np.zeros(1024, int))
    assert all(filled(histogram, x) == 0 for x in (50, 100, 150))
