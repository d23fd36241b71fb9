from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from napari_bayesseg.gui.review.status_style import PALETTES
from napari_bayesseg.review.status import Status
from napari_bayesseg.session.preferences import PaletteName

# Machado, Oliveira & Fernandes, "A physiologically-based model for simulation of color vision
# deficiency", 2009, table 1: severity 1.0, on linear RGB.
SIGHTS = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
LEAST = 10.0
"""CIEDE2000; 2.3 is just noticeable side by side."""


def seen(colour: str, sight: np.ndarray) -> np.ndarray:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(sight @ linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("name", list(PaletteName))
def test_statuses_can_be_told_apart_by_everybody(name: PaletteName, sight: str) -> None:
    palette = PALETTES[name]
    assert set(palette.statuses) == set(Status)
    colours = {**palette.statuses, "current": palette.current}
    lab = {key: rgb2lab(seen(colour, SIGHTS[sight])) for key, colour in colours.items()}
    nearest = min(
        (float(deltaE_ciede2000(lab[a], lab[b])), str(a), str(b)) for a, b in combinations(lab, 2)
    )
    assert nearest[0] > LEAST, nearest


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("name", list(PaletteName))
def test_what_is_drawn_at_the_current_region_can_be_told_apart(
    name: PaletteName, sight: str
) -> None:
    palette = PALETTES[name]
    colours = (palette.current, palette.paintable, palette.contour, palette.draw)
    lab = [rgb2lab(seen(colour, SIGHTS[sight])) for colour in colours]
    assert min(float(deltaE_ciede2000(a, b)) for a, b in combinations(lab, 2)) > LEAST
