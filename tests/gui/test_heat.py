from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.gui.heat import HeatContrast, heat_colours, sampled_blocks
from napari_bayesseg.inference.plan import BlockPlan
from napari_bayesseg.session.preferences import HeatColours


def heat_map(name: HeatColours = HeatColours.INFERNO) -> Image:
    colours = heat_colours(name)
    return Image(np.zeros((2, 3, 4)), contrast_limits=(0.0, 1.0), colormap=colours)


@pytest.mark.parametrize("name", list(HeatColours))
def test_the_scan_shines_through_where_nothing_is_uncertain(name: HeatColours) -> None:
    colours = heat_map(name).colormap.map(np.linspace(0, 1, 11))
    opacity = colours[:, 3]
    assert opacity[0] == 0.0
    assert np.all(np.diff(opacity) >= 0)
    assert opacity[5:] == pytest.approx(0.9, abs=0.01)
    brightness = colours[:, :3] @ (0.2126, 0.7152, 0.0722)
    assert np.all(np.diff(brightness) > 0)


def test_limits_follow_what_was_seen_and_only_widen() -> None:
    layer = heat_map()
    contrast = HeatContrast(layer)
    contrast.include(np.linspace(0, 0.2, 1000))
    assert layer.contrast_limits == pytest.approx([0.0, 0.199], abs=1e-3)
    contrast.include(np.full(10, 0.4))
    contrast.include(np.array([0.1, np.nan]))
    assert layer.contrast_limits == pytest.approx([0.0, 0.4])
    assert layer.contrast_limits_range == pytest.approx([0.0, 1.0])


@pytest.mark.parametrize("values", [np.zeros(5), np.full(5, np.nan), np.array([])])
def test_maps_without_uncertainty_stay_dark(values: np.ndarray) -> None:
    layer = heat_map()
    HeatContrast(layer).include(values)
    low, high = layer.contrast_limits
    assert low == 0.0
    assert 0.02 <= high <= 1.0


def test_limits_set_by_somebody_else_are_kept() -> None:
    layer = heat_map()
    contrast = HeatContrast(layer)
    contrast.include(np.full(10, 0.4))
    layer.contrast_limits = (0.1, 0.2)
    contrast.include(np.full(10, 0.6))
    assert layer.contrast_limits == [0.1, 0.2]


def test_blocks_that_were_left_out_are_not_sampled() -> None:
    plan = BlockPlan((4, 4, 40), Roi.whole((4, 4, 40)), (4, 4, 4))
    mask = np.array([2, 0, 2, 1, 2, 2, 1, 2, 0, 2])
    result = SimpleNamespace(plan=plan, block_mask=mask.reshape(plan.grid))
    assert sampled_blocks(result) == [plan.block(3).core, plan.block(6).core]
